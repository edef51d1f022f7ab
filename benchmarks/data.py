"""`python -m benchmarks.data FACES`: what data cost, beside the goals. FACES: a folder of CelebA's aligned JPEGs.

Packing (also of eight copies) beside a plain Pillow loop, round by round; the input's share of a step, and its rate
without networks; the start and the memory of training on a synthetic packed set of --gigabytes, written to --scratch.
"""

import argparse
import json
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
from PIL import Image

import tfgan
from tfgan import datasets
from tfgan.datasets import celeba
from tfgan.datasets import pack
from tfgan.datasets import pictures
from tfgan.datasets.batches import Batches
from tfgan.datasets.pipeline import Pipeline
from tfgan.datasets.writer import Writer
from tfgan.graph.gan import build
from tfgan.tf1 import tf

_REQUEST = datasets.Request((28, 28))


def spread(name, values, unit, goal):
    """Prints the median of some rounds, with the least and the greatest, beside the goal."""
    low, middle, high = min(values), statistics.median(values), max(values)
    print(f"{name:<58}{middle:>12,.4g}  ({low:,.4g} to {high:,.4g}) {unit:<12} goal {goal}", flush=True)


def pillow_loop(files):
    """What one would write: each face opened, cropped and resized in turn."""
    rows = []
    for file in files:
        with Image.open(file) as image:
            face = image.convert("RGB").crop((35, 55, 143, 163)).resize((28, 28), Image.Resampling.BILINEAR)
        rows.append(np.asarray(face))
    return np.stack(rows)


def measure_packing(faces, rounds, copies, scratch):
    """Rates of the Pillow loop and of packing so many copies to disk, start to end, and how far their pixels are apart."""
    files = sorted(faces.glob("*.jpg"))
    loop, ours, ratios = [], [], []
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        data_dir = pathlib.Path(folder)
        (data_dir / "img_align_celeba").mkdir()
        for n, file in enumerate(files * copies):
            shutil.copy(file, data_dir / "img_align_celeba" / f"{n:06d}.jpg")
        for _ in range(rounds):
            begin = time.perf_counter()
            expected = pillow_loop(files)
            middle = time.perf_counter()
            data = datasets.load("celeba", data_dir, _REQUEST)
            end = time.perf_counter()
            apart = np.abs(data.images[: len(files)].astype(int) - expected).max()
            shutil.rmtree(data_dir / "packed")
            loop.append(len(files) / (middle - begin))
            ours.append(len(data.images) / (end - middle))
            ratios.append(ours[-1] / loop[-1])
    count = f"{copies * len(files):,} pictures"
    spread("Pillow loop, one thread", loop, "pictures/s", "-")
    spread(f"packing {count}", ours, "pictures/s", "-")
    spread(f"packing {count} / Pillow loop", ratios, "", ">= 2")
    print(f"{'largest difference of a pixel':<58}{apart:>12} grey levels of 255; goal <= 2")


class Fixed(Pipeline):
    """One batch for all iterations, in the graph."""

    def __call__(self, iteration):
        return tf.Variable(tf.zeros([self.recipe.batch_size, *self.recipe.image_shape]), trainable=False)


def measure_share(images, rounds, steps):
    """dcgan28's step with its pipeline beside the same step on one batch that lies in the graph, interleaved."""
    recipe = tfgan.recipe("dcgan28", "celeba").replace(batch_size=64)
    sessions = []
    for fixed in (False, True):
        with tf.Graph().as_default():
            pipeline = Pipeline(Batches(images, recipe, 0), recipe)
            gan = build(recipe, 0, Fixed(pipeline.batches, recipe) if fixed else pipeline)
            session = tf.Session()
            session.run(tf.global_variables_initializer())
            session.run(gan.train_op)
            sessions.append((session, gan.train_op))
    shares = []
    for _ in range(rounds):
        seconds = [0.0, 0.0]
        for step in range(2 * steps):
            session, train_op = sessions[step % 2]
            begin = time.perf_counter()
            session.run(train_op)
            seconds[step % 2] += time.perf_counter() - begin
        shares.append(100 * (seconds[0] / seconds[1] - 1))
    spread("dcgan28, batch 64: longer than with a batch in the graph", shares, "%", "< 2")


def measure_rate(images, rounds, size):
    """Batches that reach the graph, cast and scaled, without networks."""
    recipe = tfgan.recipe("dcgan28", "celeba").replace(batch_size=size)
    with tf.Graph().as_default():
        iteration = tf.placeholder(tf.int64, [])
        batch = Pipeline(Batches(images, recipe, 0), recipe)(iteration)
        with tf.Session() as session:
            step = session.make_callable(batch.op, [iteration])
            rates, n = [], 0
            for _ in range(rounds):
                begin = time.perf_counter()
                for _ in range(1000):
                    step(n)
                    n += 1
                rates.append(1000 * size / (time.perf_counter() - begin))
    spread(f"pipeline alone, batches of {size}", rates, "images/s", ">= 100,000")


def write_synthetic(data_dir, gigabytes):
    """A packed set of noise that passes for CelebA's, whose archive is gone."""
    path = data_dir / "packed" / "celeba-28x28.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    block = np.random.default_rng(0).integers(0, 256, (2**15, 28, 28, 3), dtype=np.uint8)
    with Writer(path) as writer:
        while writer.count * block[0].nbytes < gigabytes * 1e9:
            writer.add(block)
        writer.publish()
    manifest = {
        "format": pack._FORMAT, "settings": pictures.pixel_settings((28, 28), celeba._CROP), "source": "noise", "stamp": [],
        "checksum": "", "count": writer.count, "shape": writer.shape, "sha256": writer.sha256, "label_names": [], "rejected": 0,
    }  # fmt: skip
    path.with_suffix(".json").write_text(json.dumps(manifest))


def train_on_synthetic(data_dir, limit_gb):
    """In a process of its own, with a limit on its private memory: start, first batch, and anonymous memory."""
    resource.setrlimit(resource.RLIMIT_DATA, (int(limit_gb * 1e9), int(limit_gb * 1e9)))
    recipe = tfgan.recipe("dcgan28", "celeba")
    begin = time.perf_counter()
    data = datasets.load_for(recipe, data_dir)
    batches = Batches(data.images, recipe, 0)
    opened = time.perf_counter() - begin
    with tf.Graph().as_default():
        pipeline = Pipeline(batches, recipe)
        iteration = tf.placeholder(tf.int64, [])
        batch = pipeline(iteration)
        gan = build(recipe, 0, pipeline)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            ready = time.perf_counter()
            session.run(batch.op, {iteration: 0})
            first = time.perf_counter() - ready
            anonymous = []
            for _ in range(60):
                session.run(gan.train_op)
                facts = dict(line.split(":") for line in pathlib.Path("/proc/self/status").read_text().splitlines())
                anonymous.append(int(facts["RssAnon"].split()[0]) / 1e6)
    size = data.images.nbytes / 1e9
    print(f"{len(data.images):,} images of {size:.1f} GB, private memory limited to {limit_gb:g} GB (RLIMIT_DATA)")
    print(f"{'opened, first order begun':<58}{opened:>12.3f} s")
    print(f"{'first batch once the graph is ready':<58}{first:>12.3f} s; goal < 0.2")
    print(f"{'most anonymous memory after any of 60 iterations (RssAnon)':<58}{max(anonymous):>12.2f} GB; goal < 2")


def main():
    """Runs all measurements, one after the other."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("faces", type=pathlib.Path)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--gigabytes", type=float, default=8.0)
    p.add_argument("--scratch", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()))
    p.add_argument("--synthetic", type=pathlib.Path, help=argparse.SUPPRESS)  # the process that trains, of this program's own
    options = p.parse_args()
    if options.synthetic:
        train_on_synthetic(options.synthetic, 3)
        return
    print(f"TensorFlow {tf.__version__}, NumPy {np.__version__}, {len(list(options.faces.glob('*.jpg'))):,} faces")
    for copies in (1, 8):
        measure_packing(options.faces, options.rounds, copies, options.scratch)
    images = np.random.default_rng(0).integers(0, 256, (200_000, 28, 28, 3), dtype=np.uint8)
    for size in (64, 256):
        measure_rate(images, options.rounds, size)
    measure_share(images, options.rounds, 15)
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        write_synthetic(pathlib.Path(folder), options.gigabytes)
        own = [sys.executable, "-m", "benchmarks.data", str(options.faces), "--synthetic", folder]
        for _ in range(2):
            subprocess.run(own, check=True)


if __name__ == "__main__":
    main()
