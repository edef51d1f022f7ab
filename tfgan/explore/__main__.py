"""`python -m tfgan.explore`: a page in the browser on which one plays with a run's generator.

Gradio and TensorFlow are imported only after the options have been read, so that --help and their errors come at once.
"""

import importlib.util
import pathlib

from tfgan.common import files
from tfgan.common import places
from tfgan.common.command import ArgumentParser
from tfgan.common.command import run_command
from tfgan.errors import UserError
from tfgan.explore import folder
from tfgan.explore import serving
from tfgan.explore.generators import Generators
from tfgan.runs import pretrained
from tfgan.runs import read


def parser():
    """The command's argument parser."""
    p = ArgumentParser("tfgan.explore", description="Opens a page on this machine on which you play with a run's generator.")
    pretrained.add_choice(p)
    p.add_argument("--iteration", metavar="K", help="begin with the checkpoint of this iteration, or best (default: the newest)")
    p.add_argument("--port", type=int, metavar="N", help="the page's port (default: the first free one from 7860 on)")
    p.add_argument("--no-browser", action="store_true", help="print the page's address, and open no browser")
    p.add_argument("--to", metavar="DIR", help="write the page as a folder that runs on other machines, and open none")
    places.add_data_options(p, "where data sets are, to show real images to D")
    p.add_argument("--log-dir", default="logs", help="where runs are (default logs)")
    p.add_argument("--out-dir", default="out", help="where the pictures of training are, by the run's name (default out)")
    return p


def check(options):
    """Raises UserError if an option is out of range, or if Gradio is not installed."""
    if options.port is not None and not 0 <= options.port <= serving.LARGEST_PORT:
        raise UserError(f"--port is {options.port}; it must be from 0 to {serving.LARGEST_PORT}")
    if options.pretrained is not None and options.iteration is not None:
        raise UserError("--pretrained and --iteration cannot be combined; leave one of them out")
    if options.to is not None and (options.port is not None or options.no_browser):
        raise UserError("--to opens no page, so it takes no --port and no --no-browser; leave them out")
    if options.to is None and importlib.util.find_spec("gradio") is None:
        raise UserError("the page needs Gradio, which is not installed: pip install 'tfgan[explore]'")


def main():
    """Runs the command and returns its exit status."""
    options = parser().parse_args()
    check(options)
    run = pretrained.chosen_run(options)
    try:
        out_dir, data_dir = pathlib.Path(options.out_dir), places.data_dir(options)
        source = Generators(run, read.resolve_iteration(run, options.iteration), out_dir, data_dir)
        if options.to is None:
            serving.serve(source, port=options.port, browser=not options.no_browser)
            return 0
        iteration, note = source.first()
        if note:
            print(f"Warning: {note}")
        folder.write(run, iteration, pathlib.Path(options.to))
    except OSError as error:
        raise UserError(f"{files.describe_error(error)}; fix that") from error
    return 0


if __name__ == "__main__":
    run_command(main)
