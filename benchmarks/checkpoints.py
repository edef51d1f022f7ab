"""`python -m benchmarks.checkpoints`: what a checkpoint costs in time and in memory, beside the goals.

dcgan28 at its own batch size on random images: the seconds of an iteration and of a whole save (NaN check, writing, SHA-256,
flushing to the disk, rename, pruning), interleaved; and the peak of the resident memory before the first save and after.
"""

import argparse
import contextlib
import pathlib
import statistics
import tempfile
import time

import numpy as np

import tfgan
from benchmarks.data import spread
from tfgan.datasets.batches import Batches
from tfgan.datasets.pipeline import Pipeline
from tfgan.runs.checkpoints import Checkpoints
from tfgan.tf1 import tf
from tfgan.train import parser
from tfgan.training import instruments
from tfgan.training.settings import CHECKPOINT_EVERY


def peak_memory():
    """The largest resident memory of this process so far, in GB (Linux)."""
    facts = dict(line.split(":") for line in pathlib.Path("/proc/self/status").read_text().splitlines())
    return int(facts["VmHWM"].split()[0]) / 1e6


def main():
    """Measures and prints."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", default="dcgan28")
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--steps", type=int, default=6, help="iterations a round")
    p.add_argument("--scratch", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()))
    options = p.parse_args()
    recipe = tfgan.recipe(options.model)
    defaults = parser().parse_args([])
    images = np.random.default_rng(0).integers(0, 256, (2000, *recipe.image_shape), dtype=np.uint8)
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder, contextlib.ExitStack() as stack:
        stack.enter_context(tf.Graph().as_default())
        gan = tfgan.build(recipe, 0, Pipeline(Batches(images, recipe, 0), recipe))
        checkpoints, check = Checkpoints(pathlib.Path(folder), defaults.keep), instruments.finite_check()
        session = stack.enter_context(tf.Session())
        session.run(tf.global_variables_initializer())
        session.run([gan.train_op, gan.d_loss])
        steps, saves, before = [], [], None
        for n in range(options.rounds + 1):
            for _ in range(options.steps):
                begin = time.perf_counter()
                session.run(gan.train_op)
                steps.append(time.perf_counter() - begin)
            before = before or peak_memory()
            begin = time.perf_counter()
            check(session, n)
            checkpoints.save(session, n)
            saves.append(time.perf_counter() - begin)
        size = sum(path.stat().st_size for path in pathlib.Path(folder, f"{n:06d}").iterdir())
    step = statistics.median(steps)
    interval = min(CHECKPOINT_EVERY, 60 * defaults.checkpoint_minutes / step)
    print(f"{options.model}, batch {recipe.batch_size}, TensorFlow {tf.__version__}; a checkpoint of {size / 1e6:.0f} MB")
    spread("an iteration", steps, "s", "-")
    spread("a checkpoint", saves[1:], "s", "-")
    spread(f"checkpoints' share, one in {interval:.0f} iterations", [100 * s / (interval * step) for s in saves[1:]], "%", "< 1")
    print(f"{'peak memory before the first save':<58}{before:>12.3f} GB")
    print(f"{f'peak memory after {len(saves)} saves':<58}{peak_memory():>12.3f} GB; goal < twice")


if __name__ == "__main__":
    main()
