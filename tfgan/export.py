"""`python -m tfgan.export`: a run's generator as SavedModel, TFLite and ONNX, each compared with the session.

TensorFlow is imported only after the options have been read, so that --help and their errors come at once.
"""

import importlib.util
import os
import pathlib

from tfgan.common import files
from tfgan.common import folders
from tfgan.common.command import ArgumentParser
from tfgan.common.command import run_command
from tfgan.errors import UserError
from tfgan.runs import read
from tfgan.sampling import exports
from tfgan.sampling.exports import FILES


def parser():
    """The command's argument parser."""
    p = ArgumentParser("tfgan.export", description="Exports a run's generator for use without tfgan, and verifies it.")
    p.add_argument("--run", required=True, metavar="NAME", help="a run's name, or the path of its folder")
    p.add_argument("--to", required=True, metavar="DIR", help="the folder to write; an earlier export there is replaced")
    p.add_argument("--iteration", metavar="K", help="use the checkpoint of this iteration, or best (default: the newest)")
    text = f"{', '.join(FILES)}, or several of them separated by commas (default: all)"
    p.add_argument("--format", type=lambda text: text.split(","), action="extend", help=text)
    p.add_argument("--log-dir", default="logs", help="where runs are (default logs)")
    return p


def available_formats(requested):
    """The formats to write: those requested. None means all, without ONNX if its packages are not installed.

    Raises UserError for unknown formats, and if ONNX is requested but not available.
    """
    if unknown := ", ".join(sorted({*(requested or ())} - {*FILES})):
        raise UserError(f"--format is {unknown!r}; choose from {', '.join(FILES)}")
    missing = " and ".join(name for name in ("tf2onnx", "onnxruntime") if importlib.util.find_spec(name) is None)
    formats = [name for name in FILES if requested is None or name in requested]
    if missing and "onnx" in formats:
        remedy = f"{missing} not installed here: pip install 'tfgan[onnx]'"
        if requested is not None:
            raise UserError(f"--format onnx: {remedy}")
        print(f"ONNX is left out: {remedy}")
        formats.remove("onnx")
    return formats


def main():
    """Runs the command and returns its exit status."""
    options = parser().parse_args()
    run = read.find_run(options.run, options.log_dir)
    formats = available_formats(options.format)
    folder = pathlib.Path(options.to)
    # On the CPU, like TFLite and onnxruntime. GPUs round the factors of products to TF32, which exceeds the tolerance.
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    try:
        with folders.new_version(folder, exports.ABOUT, "export") as part:
            from tfgan.sampling.formats import export

            export(run, read.resolve_iteration(run, options.iteration), formats, part)
    except OSError as error:
        raise UserError(f"--to: {folder} cannot be written: {files.describe_error(error)}; fix that, or give another") from error
    print(f"Saved in {folder}: {', '.join([*(FILES[name] for name in formats), exports.ABOUT])}")
    return 0


if __name__ == "__main__":
    run_command(main)
