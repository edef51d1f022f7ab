"""A self-contained HTML page about a run, to be sent to a colleague."""

import base64
import importlib.resources

import jinja2

import tfgan
from tfgan import datasets
from tfgan.common import files
from tfgan.common.numbers import number_text
from tfgan.errors import UserError
from tfgan.quality import measurements
from tfgan.runs import read


def write(path, run, out_dir, film):
    """Writes the page about a `read.SavedRun`: its config, its metrics, its pictures in out_dir and its film (a path).

    Pictures are embedded, and the page loads nothing from outside. What is missing is omitted.
    """
    metrics = run.metrics()
    grids = read.sample_grids(out_dir, run.name)
    pairs = [path for _, path in read.pictures_by_iteration(out_dir, run.name) if path.stem.endswith("-pair")]
    last = max(grids, default=0)

    def picture(place, caption, pixels=False):
        if not place.exists():
            return []
        content = base64.b64encode(place.read_bytes()).decode()
        return [{"kind": place.suffix[1:], "content": content, "caption": caption, "pixels": pixels}]

    def of_run(suffix, caption, pixels=False):
        return picture(out_dir / f"{run.name}-{suffix}.png", caption, pixels)

    sections = [
        ("Samples", [*of_run(f"{last:06d}", f"Samples of fixed noise after {last:,} iterations", True)], []),
        ("Film", picture(film, "The same noise through the whole run"), []),
        ("Beside real images", of_run("beside-real", "Samples left, training images right"), []),
        ("The last training batch", picture(pairs[-1], "Fakes left, reals right", True) if pairs else [], []),
        ("Nearest training images", of_run("nearest", "Samples (top) and the training images nearest to them"), []),
        ("Training images most alike", of_run("alike", "Samples (top) and the training images most alike, not by pixels"), []),
        ("Curves", of_run("losses", "Losses, and D's mean output on real images and samples"), _final(metrics)),
        *((f"Quality of iteration {result['iteration']:,}", [], quality(result)) for result in measurements.read_all(run)),
        ("Classes asked for and seen", of_run("classes", "Each row: what the samples of that class are seen as"), []),
        ("Data", of_run("real", "Training images", True), data(run)),
        ("Time and machine", [], _machine(run, metrics)),
        ("Recipe", [], recipe(run)),
    ]
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string(importlib.resources.files("tfgan.view").joinpath("page.html").read_text("utf-8"))
    html = template.render(
        name=run.name,
        version=tfgan.__version__,
        summary=f"{run.about}: {_progress(run, metrics)}.",
        sections=[{"title": t, "pictures": p, "rows": r} for t, p, r in sections if p or r],
    )
    with files.atomic_write(path) as file:
        file.write(html.encode())


def _progress(run, metrics):
    """How far the run is. Its checkpoints say it, because there may be many iterations between two lines of metrics."""
    if newest := run.newest_iteration:
        return f"{newest:,} of {run.iterations:,} iterations"
    if metrics:
        return f"no checkpoint; metrics up to iteration {metrics[-1]['iteration']:,} of {run.iterations:,}"
    return f"no checkpoint and no metrics; its length is {run.iterations:,} iterations"


def _final(metrics):
    if not metrics:
        return []
    last = metrics[-1]
    rows = [(words, f"{last[name]:.4f}") for name, words in read.MEASURES.items() if name in last]
    return [("at iteration", f"{last['iteration']:,}"), *rows]


def quality(result):
    """The rows of a result of `tfgan.evaluate`, its protocol the last: [(name, value)]."""
    protocol = ", ".join(f"{name} {value}" for name, value in result["protocol"].items())
    return [*measurements.figure_rows(result["figures"]).items(), ("protocol", protocol)]


def recipe(run):
    """The rows of a run's recipe, without the names of folders: [(name, value)]."""
    fields = {**run.recipe.to_dict(), "dataset": run.recipe.dataset_name}  # no folder names: the page may be mailed
    return [(name, value) for name, value in fields.items() if value is not None]


def data(run):
    """The rows of a run's data set and its terms: [(name, value)]."""
    rows = [("data set", run.recipe.dataset_name), ("images", f"{int(run.config['images']):,}")]
    try:
        info = datasets.info(run.recipe.dataset)
    except UserError:  # own pictures that are no longer here
        return rows
    origin = [("origin", run.config["origin"])] if "origin" in run.config else []
    return [*rows, ("what", info.about), *origin, ("terms", info.terms)]


def _machine(run, metrics):
    environment = {name: value for name, value in run.config["environment"].items() if value not in (None, False)}
    rows = [(name, ", ".join(map(str, value)) if isinstance(value, list) else value) for name, value in environment.items()]
    return [*_pace(run, metrics), *rows]


def _pace(run, metrics):
    """How long training took up to the last line of metrics, from the rates in the metrics."""
    lines = [line for line in metrics if line.get("images_per_second", 0) > 0]
    if len(lines) < 2:
        return []
    seconds, before = 0.0, -1
    for line in lines:
        seconds += (line["iteration"] - before) * run.recipe.d_steps * run.recipe.batch_size / line["images_per_second"]
        before = line["iteration"]
    rates = sorted(line["images_per_second"] for line in lines)
    took = f"{_duration(seconds)} for {before + 1:,} iterations"
    return [("training time", took), ("images per second", f"{number_text(rates[len(rates) // 2])} (median)")]


def _duration(seconds):
    hours, rest = divmod(round(seconds), 3600)
    parts = [(hours, "h"), (rest // 60, "min"), (rest % 60, "s")]
    return " ".join(f"{value} {unit}" for value, unit in parts if value) or "under a second"
