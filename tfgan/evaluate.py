"""`python -m tfgan.evaluate`: how good a run's samples are, in numbers; of several runs side by side.

TensorFlow is imported only after the options have been read, so that --help and their errors come at once.
"""

import json
import pathlib
import time

from tfgan.common import files
from tfgan.common.command import ArgumentParser
from tfgan.common.command import run_command
from tfgan.errors import UserError
from tfgan.runs import environment
from tfgan.runs import saved

_COUNT = 10_000


def parser():
    """The command's argument parser."""
    p = ArgumentParser("tfgan.evaluate", description="Measures a run's samples against real images; several runs side by side.")
    p.add_argument("--run", required=True, nargs="+", metavar="NAME", help="runs' names, or the paths of their folders")
    p.add_argument("--iteration", metavar="K", help="of the checkpoint, or best (default: the newest)")
    kinds = "in which images are compared (default: classifier for digits and clothes, else random)"
    p.add_argument("--features", choices=saved.FEATURE_KINDS, help=kinds)
    p.add_argument("--images", type=int, default=_COUNT, metavar="N", help=f"samples, and real images at most (default {_COUNT})")
    p.add_argument("--seed", type=int, default=0, help="of the samples' noise; default 0")
    p.add_argument("--data-dir", default="data", help="default data")
    p.add_argument("--log-dir", default="logs", help="default logs")
    return p


def main():
    """Runs the command; its exit status."""
    options = parser().parse_args()
    if not 10 <= options.images <= 10**5:
        raise UserError(f"--images is {options.images}; it must be from 10 to 100,000")
    if not 0 <= options.seed < 2**63:
        raise UserError(f"--seed is {options.seed}; it must be at least 0 and below 2^63")
    runs = [saved.find_run(name, options.log_dir) for name in options.run]
    iterations = [saved.resolve_iteration(run, options.iteration) for run in runs]

    results, paths = [], []
    for run, iteration in zip(runs, iterations, strict=True):
        results.append(evaluate(run, iteration, options, results))
        paths.append(save(run, results[-1]))
    show(results)
    for path in paths:
        print(f"Saved {path}")
    return 0


def evaluate(run, iteration, options, others):
    """The figures of one checkpoint of a run, with their protocol: a dict of JSON values.

    Raises UserError, also where those of the others were taken by another protocol.
    """
    from tfgan.quality.evaluation import Evaluator
    from tfgan.quality.evaluation import require_same_protocol
    from tfgan.sampling.inference import Sampler

    data_dir = pathlib.Path(options.data_dir)
    with Sampler(run, iteration) as sampler, Evaluator(
        run.recipe, run.config.get("data_sha256"), data_dir, options.features, options.images
    ) as evaluator:  # fmt: skip
        protocol = {**evaluator.protocol, "samples": options.images, "seed": options.seed}
        found = {"run": run.name, "iteration": sampler.iteration, "protocol": protocol}
        require_same_protocol([*others, found])
        samples = sampler.images(sampler.z(options.images, options.seed))
        return {**found, "figures": evaluator.figures(samples), "environment": environment.environment()}


def show(results):
    """Prints the figures, a column a run, and below them how they were taken."""
    names = [name for name in results[0]["figures"] if name != "class_shares"]
    rows = [("", *(f"{r['run']} @ {r['iteration']}" for r in results))]
    rows += [(name, *(_text(r["figures"][name]) for r in results)) for name in names]
    for name in results[0]["figures"].get("class_shares", ()):
        rows.append((f"share of {name}", *(f"{r['figures']['class_shares'][name]:.1%}" for r in results)))
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


def _text(figure):
    return f"{figure:,}" if isinstance(figure, int) else f"{figure:.4g}"


def save(run, result):
    """Writes the result as JSON and for TensorBoard, into the run's folder `quality`; the former's path. Raises UserError.

    Each protocol has a folder of its own there: TensorBoard makes no curve of figures that cannot be compared.
    """
    from tfgan.quality.evaluation import protocol_digest
    from tfgan.training.summaries import write_scalars

    folder = run.logs / "quality" / f"{result['protocol']['features']}-{protocol_digest(result['protocol'])}"
    path = folder / f"{result['iteration']:06d}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with files.atomic_write(path) as file:
            file.write((json.dumps({**result, "at": time.time()}, indent=1) + "\n").encode())
        write_scalars(folder, result["iteration"], result["figures"])
    except OSError as error:
        raise UserError(f"the figures cannot be written: {files.describe_error(error)}; mend that") from error
    return path


if __name__ == "__main__":
    run_command(main)
