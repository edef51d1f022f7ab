"""`python -m tfgan.evaluate`: measures the quality of a run's samples, and compares several runs.

TensorFlow is imported only after the options have been read, so that --help and their errors come at once.
"""

import json
import pathlib
import time

from tfgan import datasets
from tfgan.common import files
from tfgan.common import places
from tfgan.common.command import ArgumentParser
from tfgan.common.command import run_command
from tfgan.errors import UserError
from tfgan.quality import measurements
from tfgan.runs import environment
from tfgan.runs import read

_COUNT = 10_000


def parser():
    """The command's argument parser."""
    p = ArgumentParser("tfgan.evaluate", description="Measures runs' samples against real images.")
    p.add_argument("--run", required=True, nargs="+", metavar="NAME", help="runs' names, or the paths of their folders")
    p.add_argument("--iteration", metavar="K", help="use the checkpoint of this iteration, or best (default: the newest)")
    kinds = "features to compare images by (default: classifier for digits and clothes, imagenet for photos, otherwise random)"
    p.add_argument("--features", choices=measurements.FEATURE_KINDS, help=kinds)
    count = f"samples, and at most as many real images (default {_COUNT})"
    p.add_argument("--images", type=int, default=_COUNT, metavar="N", help=count)
    against = "compare with these real images: a data set, a folder or an archive (default: test images, or training images)"
    p.add_argument("--against", metavar="IMAGES", help=against)
    p.add_argument("--seed", type=int, default=0, help="seed of the samples' noise (default 0)")
    places.add_data_options(p)
    p.add_argument("--log-dir", default="logs", help="where runs are (default logs)")
    p.add_argument("--out-dir", default="out", help="folder of tfgan's pictures, which are not read as real images (default out)")
    return p


def main():
    """Runs the command and returns its exit status."""
    options = parser().parse_args()
    if not 10 <= options.images <= 10**5:
        raise UserError(f"--images is {options.images}; it must be from 10 to 100,000")
    if not 0 <= options.seed < 2**63:
        raise UserError(f"--seed is {options.seed}; it must be at least 0 and below 2^63")
    data_dir = places.data_dir(options)
    against = options.against if options.against is None else datasets.resolve(options.against, data_dir)
    runs = [read.find_run(name, options.log_dir) for name in options.run]
    iterations = [read.resolve_iteration(run, options.iteration) for run in runs]

    results, paths = [], []
    for run, iteration in zip(runs, iterations, strict=True):
        results.append(
            evaluate(
                run, iteration, data_dir, options.features, options.images, options.seed, results, against,
                pathlib.Path(options.out_dir),
            )
        )  # fmt: skip
        paths.append(save(run, results[-1]))
    show(results)
    for path in paths:
        print(f"Saved {path}")
    return 0


def evaluate(run, iteration, data_dir, features, count, seed, others, against=None, out_dir=pathlib.Path("out")):
    """Measures one checkpoint of a `read.SavedRun`: a dict of JSON values, with the figures and their protocol.

    iteration: None means the newest. features: one of `measurements.FEATURE_KINDS`, or None. count: the number of samples, and
    the most real images. seed: of the samples' noise. A conditional run's samples get labels in the proportions of the data, of
    the same seed. others: earlier results. against: a data set, folder or archive of real images to compare with. out_dir:
    tfgan's pictures, which are no real images. Raises UserError, also if the protocols differ.
    """
    from tfgan.quality.evaluation import Evaluator
    from tfgan.sampling.inference import Sampler

    sha256 = run.config.get("data_sha256")
    exclude = (data_dir, run.logs.parent, out_dir)
    settings = {"kind": features, "count": count, "classes": tuple(run.classes), "against": against, "exclude": exclude}
    with Sampler(run, iteration) as sampler, Evaluator(run.recipe, sha256, data_dir, **settings) as evaluator:
        protocol = {**evaluator.protocol, "samples": count, "seed": seed}
        result = {"run": run.name, "iteration": sampler.iteration, "protocol": protocol}
        measurements.require_same([*others, result])
        if evaluator.choice and not others:
            print(evaluator.choice)
        labels = sampler.labels(count, seed)
        figures = evaluator.figures(sampler.images(sampler.z(count, seed), labels), labels=labels)
        return {**result, "figures": figures, "environment": environment.environment()}


def show(results):
    """Prints the figures, with a column for each run, and the protocol below them. A figure that a run lacks is shown as -."""
    rows = [("", *(f"{r['run']} @ {r['iteration']}" for r in results))]
    columns = [measurements.figure_rows(r["figures"]) for r in results]
    for name in {name: None for column in columns for name in column}:
        rows.append((name, *(column.get(name, "-") for column in columns)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        print("  ".join([first.ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(others, widths[1:], strict=True))]).rstrip())
    p = results[0]["protocol"]
    network = f"{p['features']} ({p['features_sha256'][:12]}"
    accuracy = f", accuracy {p['classifier_accuracy']:.2%}" if "classifier_accuracy" in p else ""
    print(
        f"Features: {network}{accuracy}); {p['samples']:,} samples of seed {p['seed']} against "
        f"{p['real']:,} real images of {p['dataset']} ({p['split']}), {p['size']}"
    )


def save(run, result):
    """Writes the result for TensorBoard and as JSON into the run's folder `quality`. Returns the path of the JSON file.

    Each protocol has its own folder there, so that TensorBoard draws no curves of figures that cannot be compared. Raises
    UserError if the files cannot be written.
    """
    from tfgan.runs.events import write_scalars

    folder = run.logs / "quality" / f"{result['protocol']['features']}-{measurements.digest(result['protocol'])}"
    path = folder / f"{result['iteration']:06d}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with files.atomic_write(path) as file:
            file.write((json.dumps({**result, "at": time.time()}, indent=1) + "\n").encode())
        write_scalars(folder, result["iteration"], result["figures"])
    except OSError as error:
        raise UserError(f"the figures cannot be written: {files.describe_error(error)}; fix that") from error
    return path


if __name__ == "__main__":
    run_command(main)
