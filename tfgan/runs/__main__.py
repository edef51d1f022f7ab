"""`python -m tfgan.runs`: lists the runs. `compare A B` shows how two runs differ, and `rm RUN` removes one. No TensorFlow."""

import argparse
import contextlib
import os
import pathlib
import sys

from tfgan.common import files
from tfgan.common.command import ArgumentParser
from tfgan.common.command import run_command
from tfgan.common.numbers import number_text
from tfgan.errors import UserError
from tfgan.runs import read
from tfgan.runs.write import RunDir

_HEADINGS = ("run", "model", "data", "iteration", "d_loss", "g_loss", "size", "state", "last picture")
_UNLISTED = ("recipe", "environment", "earlier_environments")  # parts of the config that `compare` shows separately or not at all


def parser():
    """The command's argument parser."""
    p = ArgumentParser("tfgan.runs", description="Lists the runs; compares two; removes one.")
    folders = ArgumentParser(add_help=False)
    for name, default, text in (("log-dir", "logs", "where runs are"), ("out-dir", "out", "where pictures are")):
        text = f"{text} (default {default})"
        p.add_argument(f"--{name}", default=default, help=text)
        folders.add_argument(f"--{name}", default=argparse.SUPPRESS, help=text)  # a default would override the option before it
    commands = p.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("list", parents=[folders], help="print a line for each run (the default)")
    compare_parser = commands.add_parser("compare", parents=[folders], help="show how two runs differ")
    compare_parser.add_argument("runs", nargs=2, metavar="RUN")
    remove_parser = commands.add_parser("rm", parents=[folders], help="remove a run and its pictures, after asking")
    remove_parser.add_argument("run", metavar="RUN", help="its name; ./-x where the name is -x")
    remove_parser.add_argument("--yes", action="store_true", help="do not ask")
    return p


def main():
    """Runs the command; its exit status."""
    options = parser().parse_args()
    try:
        if options.command == "compare":
            compare([read.find_run(name, options.log_dir) for name in options.runs])
        elif options.command == "rm":
            remove(read.find_run(options.run, options.log_dir), options.out_dir, ask=not options.yes)
        else:
            list_runs(options.log_dir, options.out_dir)
    except OSError as error:
        raise UserError(f"{files.describe_error(error)}; fix that") from error
    return 0


def list_runs(log_dir, out_dir):
    """Prints a line for each run in log_dir. Its pictures are in out_dir."""
    names = read.run_names(log_dir)
    if not names:
        print(f"There is no run in {log_dir}; python -m tfgan.train makes one")
        return
    _print_table([_HEADINGS, *(_row(pathlib.Path(log_dir) / name, pathlib.Path(out_dir)) for name in names)])
    if odd := [name for name in names if name.startswith("-")]:
        print(f"Write ./{odd[0]} for {odd[0]}, which would be an option: python -m tfgan.runs rm ./{odd[0]}")


def _row(folder, out_dir):
    """The cells of the run in that folder, one for each of _HEADINGS."""
    name = folder.name
    size = _size(folder, read.picture_files(out_dir, name))
    picture = str(([*read.sample_grids(out_dir, name).values()] or ["-"])[-1])
    try:
        run = read.read_run(folder)
    except UserError as error:
        return (name, "-", "-", "-", "-", "-", size, str(error), picture)
    newest, metrics = run.newest_iteration, run.metrics()
    losses = ["-"] * len(read.LOSSES)
    if metrics:
        last = metrics[-1]
        at = "" if last["iteration"] + 1 == newest else f" at {last['iteration']:,}"  # of another iteration than the checkpoint
        losses = [f"{last[name]:.4f}{at}" for name in read.LOSSES]
    progress = f"{newest:,}/{run.iterations:,}"
    return (name, run.recipe.model, run.recipe.dataset_name, progress, *losses, size, _state(run, newest), picture)


def _state(run, newest):
    """In words, whether a run is being trained, finished or stopped. newest: its newest checkpoint's iteration, or 0."""
    if owner := files.lock_holder(run.logs / read.LOCK):
        return f"training ({owner})"
    if not newest:
        return "no checkpoint"
    return "finished" if newest >= run.iterations else "stopped"


def compare(runs):
    """Prints in which fields of the recipe, settings and versions two `SavedRun`s differ, and their last metrics."""
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


def remove(run, out_dir, ask=True):
    """Removes a `SavedRun` and its pictures in out_dir. ask: only if the user confirms it."""
    folder = run.logs.resolve()  # a link may have a different name than its run
    directory = RunDir(folder.name, folder.parent, out_dir)
    pictures = read.picture_files(directory.out_dir, run.name)
    count, size = len(read.checkpoint_iterations(run.checkpoints)), _size(run.logs, pictures)
    place = run.logs if run.logs.name == folder.name else folder
    what = f"{place} ({count} checkpoints) and {len(pictures)} pictures in {out_dir}, {size}"
    if ask:
        if not sys.stdin.isatty():
            raise UserError(f"rm would remove {what}, but there is no terminal to ask on; give --yes")
        answer = ""
        with contextlib.suppress(EOFError):  # Ctrl-D
            answer = input(f"Remove {what}? [y/N] ")
        if answer.strip().lower() not in ("y", "yes"):
            print("Nothing was removed")
            return
    directory.remove()
    print(f"Removed {what}")


def _size(folder, pictures):
    """The total size, in words, of all files in a folder and of these pictures."""
    total = 0
    for path in (*(os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names), *pictures):
        with contextlib.suppress(FileNotFoundError):  # a run that is being trained removes old checkpoints
            total += os.path.getsize(path)
    return f"{total / 1e6:,.1f} MB"


def _text(value):
    if value is None:
        return "-"
    return number_text(value, digits=5) if isinstance(value, float) else str(value)


def _print_table(rows):
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    run_command(main)
