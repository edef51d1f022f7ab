"""What came out of full-length runs of a tutorial, beside what its source reported: docs/tutorials/obtained/ as Markdown.

`python -m benchmarks.obtained MODEL` makes the files: one run of one seed is MODEL-SEED.jsonl and MODEL-SEED.png. A page
shows the longest runs; shorter ones are there to compare readings with.
"""

import io
import json
import re
import statistics
from typing import NamedTuple

import matplotlib as mpl
import source_excerpts
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from matplotlib.ticker import NullFormatter

FOLDER = source_excerpts.ROOT / "docs" / "tutorials" / "obtained"
_COLOURS = {"D": "#4664c8", "G": "#d2691e"}  # readable on light and dark
_STYLE = {"svg.hashsalt": "tfgan", "svg.fonttype": "none"}  # equal bytes each time; letters as text


class Obtained(NamedTuple):
    """A run of one seed."""

    name: str  # of its two files, without their ends
    head: dict  # command, reading, seed, iterations, machine, seconds, features and the quality's figures
    losses: list  # of (iteration, D's, G's)

    def at(self, iteration):
        """(D's loss, G's) of that iteration, or None if it was not kept."""
        return next((losses for at, *losses in self.losses if at == iteration), None)

    def late(self):
        """The medians (of D's loss, of G's) over the run's last tenth."""
        last = [losses for at, *losses in self.losses if at >= 0.9 * self.head["iterations"]]
        return tuple(statistics.median(column) for column in zip(*last, strict=True))


def runs(model, reading=None):
    """The `Obtained` runs of a model that followed that reading (None: tfgan's), by their seeds."""
    found = []
    for path in FOLDER.glob(f"{model}-*.jsonl"):
        head, *losses = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        found.append(Obtained(path.stem, head, losses))
    return sorted((run for run in found if run.head["reading"] == reading), key=lambda run: run.head["seed"])


def longest(made):
    """Those of the `Obtained` runs that took the most iterations."""
    most = max((run.head["iterations"] for run in made), default=0)
    return [run for run in made if run.head["iterations"] == most]


def section(one, proof):
    """The part of a `Tutorial`'s page that sets what its source reported beside what came out here, as paragraphs of Markdown.

    proof: a link to the test that compares losses with the printed ones; None if the source printed none.
    """
    made, printed, reported = longest(runs(one.name)), one.text.get("printed"), one.text["reported"]
    pictures = ["### Pictures", f"**The source:** {reported['pictures']}"]
    if not made:
        return ["## Reported", "### Losses", reported["losses"], *pictures]
    words = one.text["obtained"]
    if printed:
        losses = [f"The source printed the losses of the table. {proof} trains at full length and compares its own with them."]
        losses.append(_printed(printed, made))
    else:
        losses = [reported["losses"]]
    return [
        "## Reported and obtained",
        words["length"],
        _table_of_runs(made),
        "### Losses",
        *losses,
        words["losses"],
        curves(made, printed),
        *pictures,
        f"**tfgan:** {words['pictures']}",
        _grids({f"seed {run.head['seed']}, after {run.head['iterations']:,} iterations": run for run in made}),
    ]


def comparison(one, oddity):
    """What came out where the other reading of that oddity was followed, beside runs of tfgan's of the same length.

    A table of all of them, and a grid of each reading. [] if there are none of both. The longest ones count.
    """
    other, followed = runs(one.name, oddity), runs(one.name)
    lengths = {run.head["iterations"] for run in other} & {run.head["iterations"] for run in followed}
    if not lengths:
        return []
    length = max(lengths)
    other, followed = ([run for run in made if run.head["iterations"] == length] for made in (other, followed))
    rows = [
        "| reading | runs | Frechet distance | precision | recall | D's loss at the end | G's loss at the end |",
        "|---|---|---|---|---|---|---|",
    ]
    readings = {"the one that tfgan follows": followed, "the other": other}
    for words, made in readings.items():
        figures = [_spread([run.head[name] for run in made]) for name in ("frechet_distance", "precision", "recall")]
        losses = [_spread(column) for column in zip(*(run.late() for run in made), strict=True)]
        rows.append(f"| {' | '.join([words, str(len(made)), *figures, *losses])} |")
    about = f"Each of these runs took {length:,} iterations. A figure is the mean of the runs (least to greatest)."
    grids = _grids({f"{words}, seed {made[0].head['seed']}": made[0] for words, made in readings.items()})
    return [f"**What it gives:** {about}", "\n".join(rows), grids]


def curves(made, printed):
    """An SVG of the losses of these runs, with the points that the source printed as dots."""
    figure = Figure(figsize=(7, 2.8), layout="constrained")
    axes = figure.subplots()
    for column, (network, colour) in enumerate(_COLOURS.items(), 1):
        for run in made:
            at = [line[0] for line in run.losses]
            axes.plot(at, [line[column] for line in run.losses], color=colour, linewidth=0.7, alpha=0.6)
        axes.plot([], [], color=colour, label=f"{network}, {len(made)} runs" if len(made) > 1 else network)
        if printed:
            losses = printed[f"{network.lower()}_loss"]
            axes.plot(printed["iteration"], losses, "o", color=colour, markeredgecolor="black", label=f"{network}, the source")
    axes.set(xlabel="iteration", ylabel="loss", yscale="log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=2)
    with mpl.rc_context(_STYLE):
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    svg = file.getvalue().replace("#000000", "currentColor")  # the page's, which may be light or dark
    svg = svg[svg.index("<svg") :].replace("<svg ", '<svg class="curves" role="img" aria-label="The losses of D and of G" ', 1)
    return re.sub(r"\n\s*", " ", svg)


def _table_of_runs(made):
    rows = [
        "| seed | command | machine | time | [Frechet distance](../quality.md) (features) | losses |",
        "|---|---|---|---|---|---|",
    ]
    for run in made:
        head, link = run.head, f"[{run.name}.jsonl](obtained/{run.name}.jsonl)"
        distance = f"{head['frechet_distance']:.3g} ({head['features']})"
        rows.append(
            f"| {head['seed']} | `{head['command']}` | {head['machine']} | {_duration(head['seconds'])} | {distance} | {link} |"
        )
    return "\n".join(rows)


def _printed(printed, made):
    """The losses that the source printed, beside those of the runs at the same iterations."""
    seeds = ", ".join(str(run.head["seed"]) for run in made)
    rows = [
        f"| iteration | D, the source | D, seeds {seeds} | G, the source | G, seeds {seeds} |",
        "|---|---|---|---|---|",
    ]
    for iteration, *reported in zip(printed["iteration"], printed["d_loss"], printed["g_loss"], strict=True):
        ours = zip(*(run.at(iteration) for run in made), strict=True)
        cells = [f"{loss} | {', '.join(f'{own:.4g}' for own in own)}" for loss, own in zip(reported, ours, strict=True)]
        rows.append(f"| {iteration:,} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _grids(captioned):
    """The sample grids of these runs, {caption: run}, side by side."""
    figures = [
        f'<figure><img src="obtained/{run.name}.png" alt="Samples: {caption}"><figcaption>{caption}</figcaption></figure>'
        for caption, run in captioned.items()
    ]
    return '<div class="grids">' + "".join(figures) + "</div>"


def _spread(values):
    mean = f"{statistics.mean(values):.3g}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.3g} to {max(values):.3g})"


def _duration(seconds):
    return f"{seconds} s" if seconds < 120 else f"{seconds / 60:.0f} min"
