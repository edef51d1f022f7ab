"""`python -m tfgan.runs`: lists the runs; `compare A B` shows in what two differ; `rm RUN` removes one. No TensorFlow needed."""

import argparse
import contextlib
import os
import pathlib
import sys

from tfgan.common import files
from tfgan.common.command import ArgumentParser
from tfgan.common.command import run_command
from tfgan.errors import UserError
from tfgan.runs import saved
from tfgan.runs.rundir import RunDir

_HEADINGS = ("run", "model", "data", "iteration", "d_loss", "g_loss", "size", "state", "last picture")
_UNLISTED = ("recipe", "environment", "earlier_environments")  # of the config: compared by their parts, or not at all


def parser():
    """The command's argument parser."""
    p = ArgumentParser("tfgan.runs", description="Lists the runs; compares two; removes one.")
    places = {"log-dir": "logs", "out-dir": "out"}
    where = ArgumentParser(add_help=False)
    for name, default in places.items():
        p.add_argument(f"--{name}", default=default, help=f"default {default}")
        where.add_argument(f"--{name}", default=argparse.SUPPRESS, help=f"default {default}")  # else it would undo the former
    commands = p.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("list", parents=[where], help="a line for each run (what happens without a command)")
    both = commands.add_parser("compare", parents=[where], help="in what two runs differ: recipes, settings, last metrics")
    both.add_argument("runs", nargs=2, metavar="RUN")
    gone = commands.add_parser("rm", parents=[where], help="remove a run with its checkpoints, logs and pictures; it asks")
    gone.add_argument("run", metavar="RUN")
    gone.add_argument("--yes", action="store_true", help="do not ask")
    return p


def main():
    """Runs the command; its exit status."""
    options = parser().parse_args()
    try:
        {"compare": compare, "rm": remove}.get(options.command, show)(options)
    except OSError as error:
        raise UserError(f"{files.describe_error(error)}; mend that") from error
    return 0


def show(options):
    """Prints a line for each run."""
    names = saved.run_names(options.log_dir)
    if not names:
        print(f"There is no run in {options.log_dir}; python -m tfgan.train makes one")
        return
    _print_table([_HEADINGS, *(_line(name, options) for name in names)])


def _line(name, options):
    folder, out_dir = pathlib.Path(options.log_dir) / name, pathlib.Path(options.out_dir)
    size = _size(folder, saved.picture_files(out_dir, name))
    picture = str(([*saved.sample_grids(out_dir, name).values()] or ["-"])[-1])
    try:
        run = saved.read_run(folder)
    except UserError as error:
        return (name, "-", "-", "-", "-", "-", size, str(error), picture)
    metrics = run.metrics()
    last = metrics[-1] if metrics else {}
    losses = (f"{last[key]:.4f}" if key in last else "-" for key in saved.LOSSES)
    done = max(saved.checkpoint_iterations(run.checkpoints), default=0)
    reached = f"{done:,}/{run.iterations:,}"
    return (name, run.recipe.model, run.recipe.dataset_name, reached, *losses, size, _state(run, done), picture)


def _state(run, done):
    if owner := files.lock_holder(run.logs / "lock"):
        return f"training ({owner})"
    if not done:
        return "no checkpoint"
    return "finished" if done >= run.iterations else "stopped"


def compare(options):
    """Prints the recipe's fields, settings and versions in which two runs differ, and their last metrics."""
    runs = [saved.find_run(name, options.log_dir) for name in options.runs]
    parts = [
        ("recipe", [run.recipe.to_dict() for run in runs]),
        ("settings", [{k: v for k, v in run.config.items() if k not in _UNLISTED} for run in runs]),
        ("made on", [run.config["environment"] for run in runs]),
    ]
    rows = [("", *(run.name for run in runs))]
    for title, (a, b) in parts:
        names = [name for name in dict.fromkeys([*a, *b]) if a.get(name) != b.get(name)]
        rows += [(f"{title}: {name}", _text(a.get(name)), _text(b.get(name))) for name in names]
    lasts = [(run.metrics() or [{}])[-1] for run in runs]
    rows += [(f"last: {name}", *(_text(last.get(name)) for last in lasts)) for name in dict.fromkeys([*lasts[0], *lasts[1]])]
    _print_table(rows)


def remove(options):
    """Removes a run, once the user has said yes."""
    run = saved.find_run(options.run, options.log_dir)
    place = run.logs.resolve()  # a link may have another name than the run that it leads to
    directory = RunDir(place.name, place.parent, options.out_dir)
    pictures = saved.picture_files(directory.out_dir, run.name)
    kept, size = len(saved.checkpoint_iterations(run.checkpoints)), _size(run.logs, pictures)
    shown = run.logs if run.logs.name == place.name else place
    what = f"{shown} ({kept} checkpoints) and {len(pictures)} pictures in {options.out_dir}, {size}"
    if not options.yes:
        if not sys.stdin.isatty():
            raise UserError(f"rm would remove {what}, and there is no terminal to ask on; give --yes")
        answer = ""
        with contextlib.suppress(EOFError):  # Ctrl-D
            answer = input(f"Remove {what}? [y/N] ")
        if answer.strip().lower() not in ("y", "yes"):
            print("Nothing was removed")
            return
    directory.remove()
    print(f"Removed {what}")


def _size(folder, pictures):
    """In words, of all files in a folder and of these pictures together."""
    total = 0
    for path in (*(os.path.join(place, name) for place, _, names in os.walk(folder) for name in names), *pictures):
        with contextlib.suppress(FileNotFoundError):  # a run in training removes old checkpoints
            total += os.path.getsize(path)
    return f"{total / 1e6:,.1f} MB"


def _text(value):
    if value is None:
        return "-"
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _print_table(rows):
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    run_command(main)
