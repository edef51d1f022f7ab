"""`python -m benchmarks.obtained MODEL`: trains a tutorial and keeps what came out, for its page of the documentation.

Each seed is a run of its own at the tutorial's full length, or as long as --iterations says. docs/tutorials/obtained/ gets two
files of each: MODEL-SEED.jsonl has the command, the machine, the time, the quality and the losses, MODEL-SEED.png the last grid.
With --reading the run follows the other reading of a contradiction (`READINGS`), and its files are MODEL-SEED-READING. With
--iterations the number stands at the end of the names.
A run that was stopped goes on where it was.
"""

import argparse
import contextlib
import itertools
import json
import math
import multiprocessing
import pathlib
import re
import runpy
import shutil
import sys
import types
from unittest import mock

from tfgan.graph import initializers
from tfgan.graph import layers
from tfgan.models import dcgan28
from tfgan.models import dcgan64
from tfgan.models import mlp
from tfgan.quality import measurements
from tfgan.recipes import TUTORIALS
from tfgan.runs import read
from tfgan.tf1 import tf

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "docs" / "tutorials" / "obtained"
# how many iterations lie between two kept losses; divides the iterations whose losses a source printed
LOSSES_EVERY = {"vanilla": 50, "mlp": 50, "dcgan28": 10, "dcgan64": 10, "dogs": 10}
FIGURES = ("frechet_distance", "precision", "recall")


def _glorot_normal(shape, key):
    """N(0, 2 / (fan_in + fan_out)): Glorot and Bengio 2010."""
    return initializers.normal(math.sqrt(2.0 / sum(initializers.fans(shape))))(shape, key)


def _flatten_after_dropout(x):
    return layers.flatten(layers.dropout(x, keep_prob=0.8))


def _conv2d(x, filters, kernel_size, strides, padding, **settings):
    """D's fifth convolution, the one with a single filter, with stride 2 and pad 1 as the others."""
    strides, padding = (2, "SAME") if filters == 1 else (strides, padding)
    return layers.conv2d(x, filters, kernel_size, strides, padding, **settings)


def _changed(module, name, **changes):
    """A context in which that name has these attributes in that module, and in no other: the judge of samples stays as it is."""
    return mock.patch.object(module, name, types.SimpleNamespace(**{**vars(getattr(module, name)), **changes}))


def _leaky_dcgan28():
    nn = types.SimpleNamespace(relu=layers.leaky_relu, tanh=tf.nn.tanh)
    return mock.patch.object(dcgan28, "tf", types.SimpleNamespace(nn=nn, reshape=tf.reshape))


# (model, oddity) -> a function that returns a context in which the model follows the other reading of that contradiction
READINGS = {
    ("vanilla", "xavier_init"): lambda: mock.patch.object(initializers, "fan_in_normal", _glorot_normal),
    ("mlp", "uniform noise"): lambda: mock.patch.dict(
        mlp.RECIPES, {name: recipe.replace(z_distribution="normal") for name, recipe in mlp.RECIPES.items()}
    ),
    ("dcgan28", "third dropout unused"): lambda: _changed(dcgan28, "layers", flatten=_flatten_after_dropout),
    ("dcgan28", "leak relu"): _leaky_dcgan28,
    ("dcgan64", "sigma"): lambda: mock.patch.dict(dcgan64._SETTINGS, kernel_initializer=initializers.normal(0.2)),
    ("dcgan64", "D's fifth layer"): lambda: _changed(dcgan64, "layers", conv2d=_conv2d),
}  # fmt: skip


def file_name(model, seed, reading=None, iterations=None):
    """The name, without its end, of a run's two files. iterations: None is the tutorial's length."""
    words = [re.sub(r"[^a-z0-9]+", "-", reading.lower())] if reading else []
    return "-".join([model, str(seed), *words, *([str(iterations)] if iterations else [])])


def seconds(metrics, batch_size):
    """The time of training in seconds, from the lines of metrics.jsonl. Pauses of a run that was continued do not count."""
    pairs = itertools.pairwise(metrics)
    return sum((b["iteration"] - a["iteration"]) * batch_size / b["images_per_second"] for a, b in pairs)


def record(run, command, reading):
    """What is kept of a finished `SavedRun`: [head, [iteration, D's loss, G's], ...]."""
    environment, metrics = run.config["environment"], read.read_metrics(run.logs)
    (result,) = [each for each in measurements.read_all(run) if each["iteration"] == run.iterations]
    head = {
        "command": command,
        "reading": reading,
        "seed": run.seed,
        "iterations": run.iterations,
        "machine": f"{environment['threads']} cores of {environment['processor']}, TensorFlow {environment['tensorflow']}",
        "seconds": round(seconds(metrics, run.recipe.batch_size)),
        "features": result["protocol"]["features"],
        **{figure: float(f"{result['figures'][figure]:.4g}") for figure in FIGURES},
    }
    losses = [[line["iteration"], *(float(f"{line[name]:.4g}") for name in read.LOSSES)] for line in metrics]
    return [head, *losses]


def run_command(name, arguments, model, reading):
    """Runs `python -m NAME ARGUMENTS`, under that other reading of the model if one is given. Raises SystemExit if it fails."""
    change = READINGS[model, reading] if reading else contextlib.nullcontext
    with change(), mock.patch.object(sys, "argv", [name, *arguments]):
        runpy.run_module(name, run_name="__main__")


def in_a_process(*arguments):
    """`run_command` in a process of its own, because a process has one pool of threads for all its sessions."""
    process = multiprocessing.get_context("spawn").Process(target=run_command, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{arguments[0]} did not finish; the same command goes on where it was")


def main():
    """Trains the seeds one after the other and keeps what came out."""
    parser = argparse.ArgumentParser(prog="benchmarks.obtained", description="Trains a tutorial and keeps what came out.")
    parser.add_argument("model", choices=TUTORIALS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--iterations", type=int, help="default: the tutorial's length")
    parser.add_argument("--reading", choices=[oddity for _, oddity in READINGS], help="follow the other reading of this oddity")
    parser.add_argument("--data-dir", default="data")
    parser.add_argument("--log-dir", default="logs")
    parser.add_argument("--out-dir", default="out")
    options = parser.parse_args()
    if options.reading and (options.model, options.reading) not in READINGS:
        parser.error(f"{options.model} has no other reading of {options.reading!r}")
    model, dataset = options.model, "dogs" if options.model == "dogs" else "mnist"
    places = ["--data-dir", options.data_dir, "--log-dir", options.log_dir]
    for seed in options.seeds:
        name = file_name(model, seed, options.reading, options.iterations)
        told = ["--dataset", dataset, "--model", model, "--seed", str(seed)]
        told += ["--iterations", str(options.iterations)] if options.iterations else []
        own = ["--run", f"obtained-{name}", "--summary-every", str(LOSSES_EVERY[model]), "--out-dir", options.out_dir]
        in_a_process("tfgan.train", [*told, *own, *places], model, options.reading)
        in_a_process("tfgan.evaluate", ["--run", f"obtained-{name}", *places], model, options.reading)
        run = read.find_run(f"obtained-{name}", options.log_dir)
        lines = record(run, f"python -m tfgan.train {' '.join(told)}", options.reading)
        (FOLDER / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
        shutil.copyfile(f"{options.out_dir}/obtained-{name}-{run.iterations:06d}.png", FOLDER / f"{name}.png")
        print(f"Saved {FOLDER / name}.jsonl and .png")


if __name__ == "__main__":
    main()
