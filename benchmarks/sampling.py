"""`python -m benchmarks.sampling --run NAME`: how fast `tfgan.sample` writes images, beside what its generator alone could make.

The generator alone makes chunks of 64 images of ready noise, as `Sampler` does. Each figure is of the task that
the command writes, with its start (the graph and the checkpoint), and without Python's imports. The variants run in turn.
"""

import argparse
import pathlib
import statistics
import tempfile
import time

from tfgan.runs import read
from tfgan.sampling import drawing
from tfgan.sampling import tasks
from tfgan.sampling.inference import CHUNK
from tfgan.sampling.inference import Sampler

_LARGEST_GRID = 10_000


def rate_alone(run, count):
    """Images a second of G alone."""
    with Sampler(run) as sampler:
        z, labels = sampler.z(CHUNK, run.seed), sampler.labels(CHUNK, run.seed)
        sampler.values(z, labels)
        chunks = -(-count // CHUNK)
        begin = time.perf_counter()
        for _ in range(chunks):
            sampler.values(z, labels)
        return chunks * CHUNK / (time.perf_counter() - begin)


def written_rate(run, kind, count):
    """Images a second of `tfgan.sample --count COUNT --format KIND`."""
    with tempfile.TemporaryDirectory() as scratch:
        path = pathlib.Path(scratch) / ("images" if kind == "folder" else f"images.{kind}")
        begin = time.perf_counter()
        with Sampler(run) as sampler:
            tasks.Samples(drawing.Source(run.seed), count, path, kind).write(sampler)
        return count / (time.perf_counter() - begin)


def main():
    """Measures and prints medians and ratios."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--run", required=True)
    p.add_argument("--log-dir", default="logs")
    p.add_argument("--count", type=int, default=50_000)
    p.add_argument("--rounds", type=int, default=5)
    options = p.parse_args()
    run = read.find_run(options.run, options.log_dir)
    kinds = {"npz": options.count, "folder": options.count, "png": min(options.count, _LARGEST_GRID)}
    rounds = []
    for _ in range(options.rounds):
        rounds.append({"alone": rate_alone(run, options.count), **{k: written_rate(run, k, n) for k, n in kinds.items()}})
    for kind in rounds[0]:
        shares = [each[kind] / each["alone"] for each in rounds]
        rate, spread = statistics.median(each[kind] for each in rounds), f"({min(shares):.2f} to {max(shares):.2f})"
        print(f"{kind:<8}{rate:>10,.0f} images/s  {statistics.median(shares):.2f} {spread} of the generator alone")


if __name__ == "__main__":
    main()
