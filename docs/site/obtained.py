"""What came out of full-length runs of a tutorial, beside what its source reported: docs/tutorials/obtained/ as Markdown.

`python -m benchmarks.obtained MODEL` makes the files: one run of one seed is MODEL-SEED.jsonl and MODEL-SEED.png. A page
shows the longest runs; shorter ones are there to compare readings with.
"""

import json
import statistics
from typing import NamedTuple

import source_excerpts

FOLDER = source_excerpts.ROOT / "docs" / "tutorials" / "obtained"


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
    made, printed, reported, words = longest(runs(one.name)), one.text.get("printed"), one.text["reported"], one.text["obtained"]
    losses = [reported["losses"]] if not printed else [
        f"The table has the losses that the source printed. {proof} trains at full length and compares its losses with these.",
        _printed(printed, made),
    ]
    return [
        "## Reported and obtained",
        words["length"],
        _table_of_runs(made),
        "### Losses",
        *losses,
        f"{words['losses']}{' The dots are the losses that the source printed.' if printed else ''}",
        f"![The losses of D and of G at each iteration](images/{one.name}-losses.svg)",
        "### Pictures",
        f"**The source:** {reported['pictures']}",
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
    readings, rows = {"the one that tfgan follows": followed, "the other": other}, []
    for words, made in readings.items():
        figures = [_spread([run.head[name] for run in made]) for name in ("frechet_distance", "precision", "recall")]
        losses = [_spread(column) for column in zip(*(run.late() for run in made), strict=True)]
        rows.append([words, str(len(made)), *figures, *losses])
    head = ["reading", "runs", "Frechet distance", "precision", "recall", "D's loss at the end", "G's loss at the end"]
    about = f"Each of these runs took {length:,} iterations. A figure is the mean of the runs (least to greatest)."
    grids = _grids({f"{words}, seed {made[0].head['seed']}": made[0] for words, made in readings.items()})
    return [f"**What it gives:** {about}", _table(head, rows), grids]


def _table(head, rows):
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows])


def _table_of_runs(made):
    rows = []
    for run in made:
        head, distance = run.head, f"{run.head['frechet_distance']:g} ({run.head['features']})"
        time, link = _duration(head["seconds"]), f"[{run.name}.jsonl](obtained/{run.name}.jsonl)"
        rows.append([str(head["seed"]), f"`{head['command']}`", head["machine"], time, distance, link])
    return _table(["seed", "command", "machine", "time", "[Frechet distance](../quality.md) (features)", "losses"], rows)


def _printed(printed, made):
    """The losses that the source printed, beside those of the runs at the same iterations."""
    seeds, rows = ", ".join(str(run.head["seed"]) for run in made), []
    for iteration, *reported in zip(printed["iteration"], printed["d_loss"], printed["g_loss"], strict=True):
        ours = zip(*(run.at(iteration) for run in made), strict=True)
        pairs = [(str(loss), ", ".join(f"{own:.4g}" for own in own)) for loss, own in zip(reported, ours, strict=True)]
        rows.append([f"{iteration:,}", *pairs[0], *pairs[1]])
    return _table(["iteration", "D, the source", f"D, seeds {seeds}", "G, the source", f"G, seeds {seeds}"], rows)


def _grids(captioned):
    """The sample grids of these runs, {caption: run}, side by side."""
    return _table([*captioned], [[f"![Samples: {caption}](obtained/{run.name}.png)" for caption, run in captioned.items()]])


def _spread(values):
    mean = f"{statistics.mean(values):.3g}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.3g} to {max(values):.3g})"


def _duration(seconds):
    return f"{seconds} s" if seconds < 120 else f"{seconds / 60:.0f} min"
