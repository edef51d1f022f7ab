"""`python -m tfgan.sample`: images of a trained generator, from the run's folder alone.

TensorFlow is imported only after the options have been read, so that --help and their errors come at once.
"""

import argparse
import math
import pathlib
import re
import sys

import numpy as np
from tqdm import tqdm

from tfgan.common import files
from tfgan.common import images
from tfgan.common.command import ArgumentParser
from tfgan.common.command import run_command
from tfgan.errors import UserError
from tfgan.runs import saved
from tfgan.sampling import latents
from tfgan.sampling import sinks
from tfgan.view import film

_ROWS, _STEPS = 8, 200  # of an interpolation's grid: rows by default, steps at most; all frames are in memory
_PAIRS = 50  # at most
_COUNT = 64
_AT_A_TIME = 1024  # images in memory


def parser():
    """The command's argument parser."""
    p = ArgumentParser("tfgan.sample", description="Makes images with a run's generator; the same seed, the same images.")
    p.add_argument("--run", required=True, metavar="NAME", help="a run's name, or the path of its folder")
    p.add_argument("--iteration", metavar="K", help="of the checkpoint, or best (default: the newest)")
    p.add_argument("--count", type=int, metavar="N", help=f"images (default {_COUNT}, or what fills the --grid)")
    p.add_argument("--seed", type=int, metavar="N", help="of the noise (default: the run's, and so that of its sample grids)")
    group = p.add_argument_group("which images")
    group.add_argument("--z", metavar="FILE.npy", help="noise of your own, [N, z_dim], instead of a seed's")
    group.add_argument("--truncation", type=float, metavar="PSI", help="no value of the (normal) noise beyond +-PSI")
    group.add_argument("--best-of", type=int, metavar="K", help="draw K times as many, and keep those that D finds most real")
    text = f"N steps from one image to another, in {_ROWS} rows (or --count): a grid and a film"
    group.add_argument("--interpolate", type=int, metavar="N", help=text)
    group = p.add_argument_group("what is written")
    formats = "one picture (default); an archive of arrays; a folder of pictures"
    group.add_argument("--format", choices=sinks.FORMATS, help=formats)
    group.add_argument("--grid", type=_grid, metavar="ROWSxCOLS", help="of the one picture (default: about square)")
    group.add_argument("--film", choices=film.KINDS, help="of --interpolate; default gif")
    group.add_argument("--to", metavar="PATH", help="the file or folder (default: out/RUN-sample...)")
    group.add_argument("--log-dir", default="logs", help="where runs are; default logs")
    group.add_argument("--out-dir", default="out", help="default out")
    return p


def _grid(text):
    if not (match := re.fullmatch(r"([1-9]\d*)[xX]([1-9]\d*)", text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not ROWSxCOLS, such as 4x8")
    return int(match[1]), int(match[2])


def check(options):
    """Raises UserError where options contradict each other or are out of range."""
    for name, least, most in (
        ("count", 1, 2**40), ("best_of", 2, 2**20), ("interpolate", 2, _STEPS), ("seed", 0, 2**63 - 1)
    ):  # fmt: skip
        value = getattr(options, name)
        if value is not None and not least <= value <= most:
            bound = f"{least} or more" if value < least else f"{most} at most"
            raise UserError(f"--{name.replace('_', '-')} is {value}; it must be {bound}")
    if options.truncation is not None and not 0 < options.truncation < math.inf:
        raise UserError(f"--truncation is {options.truncation:g}; it must be above 0")
    apart = [
        ("z", ("count", "seed", "truncation", "best_of")),
        ("interpolate", ("best_of", "format", "grid")),
        ("grid", ("count",)),
    ]
    for one, others in apart:
        for other in others:
            if getattr(options, one) is not None and getattr(options, other) is not None:
                raise UserError(f"--{one} and --{other.replace('_', '-')} do not go together; leave one of them out")
    if options.grid and options.format not in (None, "png"):
        raise UserError(f"--grid is of --format png, not {options.format}; leave one of them out")
    if options.film and options.interpolate is None:
        raise UserError("--film is of --interpolate; give that too, or python -m tfgan.report for the film of the run")
    film.require_encoder(options.film or "gif")


def main():
    """Runs the command; its exit status."""
    options = parser().parse_args()
    check(options)
    run = saved.find_run(options.run, options.log_dir)
    if options.truncation is not None and run.recipe.z_distribution != "normal":
        raise UserError(f"--truncation is for normal noise, but that of {run.name} is {run.recipe.z_distribution}; leave it out")
    z = None if options.z is None else latents.read_noise(options.z, run.recipe.z_dim)
    make = sample if options.interpolate is None else interpolate
    try:
        for path in make(run, z, options):
            print(f"Saved {path}")
    except OSError as error:
        raise UserError(f"the samples cannot be written: {files.describe_error(error)}; mend that, or give another --to") from error
    return 0


def sample(run, z, options):
    """Writes images as the options ask for, of z [N, z_dim] or, where that is None, of the seed's noise; what was written."""
    rows = options.grid and options.grid[0] * options.grid[1]
    count = rows or options.count or _COUNT if z is None else min(rows or len(z), len(z))
    kind = options.format or "png"
    path = target(run, options, "sample", "" if kind == "folder" else f".{kind}")
    sinks.check_target(kind, path, count, options.grid)

    from tfgan.sampling.inference import Sampler

    with Sampler(run, saved.resolve_iteration(run, options.iteration)) as sampler:
        kept = {}
        if z is None and options.best_of:
            z, kept["scores"] = best(sampler, run, count, options)
        elif z is None:
            z = noise(sampler, run, count, options)
        shape = (count, *run.recipe.image_shape)
        with sinks.open_sink(kind, path, shape, options.grid, z=z[:count], **kept) as add, progress("images", count) as bar:
            for begin in range(0, count, _AT_A_TIME):
                made = sampler.images(z[begin : min(begin + _AT_A_TIME, count)])
                add(made)
                bar.update(len(made))
        print(f"{count:,} images of {run.name}, iteration {sampler.iteration:,}")
    return [path]


def best(sampler, run, count, options):
    """(z [count, z_dim], D's logits [count]) of the images that D finds most real of --best-of times as many; best first."""
    total = count * options.best_of
    z, scores = np.zeros([0, run.recipe.z_dim], np.float32), np.zeros([0], np.float32)
    with progress("judged", total) as bar:
        for begin in range(0, total, _AT_A_TIME):
            drawn = noise(sampler, run, min(_AT_A_TIME, total - begin), options, begin)
            z, scores = np.concatenate([z, drawn]), np.concatenate([scores, sampler.scores(drawn)])
            order = np.argsort(-scores, kind="stable")[:count]
            z, scores = z[order], scores[order]
            bar.update(len(drawn))
    return z, scores


def interpolate(run, z, options):
    """Writes a grid and a film of --interpolate's steps between pairs of z's rows, or of the seed's noise; their paths."""
    if z is not None and len(z) % 2:
        raise UserError(f"--z: {options.z} holds {len(z)} rows, but --interpolate takes them in pairs; give an even number")
    pairs = options.count or _ROWS if z is None else len(z) // 2
    if pairs > _PAIRS:
        raise UserError(f"--interpolate has {pairs} rows, but {_PAIRS} at most; give a smaller --count, or fewer rows in --z")
    steps = options.interpolate
    path = target(run, options, "interpolation", ".png")
    sinks.check_target("png", path, pairs * steps, None)

    from tfgan.sampling.inference import Sampler

    with Sampler(run, saved.resolve_iteration(run, options.iteration)) as sampler:
        z = noise(sampler, run, 2 * pairs, options) if z is None else z
        way = latents.interpolate(z[::2], z[1::2], steps, run.recipe.z_distribution)
        made = sampler.images(way.reshape(pairs * steps, -1))
        print(f"{steps} steps between {pairs} pairs of images of {run.name}, iteration {sampler.iteration:,}")
    with sinks.open_sink("png", path, made.shape, (pairs, steps)) as add:
        add(made)
    moments = made.reshape(pairs, steps, *made.shape[1:]).swapaxes(0, 1)
    rows = math.isqrt(pairs)
    columns = -(-pairs // rows)
    empty = np.full([rows * columns - pairs, *made.shape[1:]], 255, np.uint8)
    frames = [images.grid(np.concatenate([moment, empty]), rows, columns) for moment in moments]
    moving = path.with_suffix(f".{options.film or 'gif'}")
    film.save(moving, film.there_and_back(frames), seconds=min(0.2, max(0.04, 2 / steps)), hold=False)
    return [path, moving]


def noise(sampler, run, count, options, first=0):
    """The seed's noise, its rows `first` to `first + count`, truncated if asked for."""
    z = sampler.z(count, run.seed if options.seed is None else options.seed, first)
    return z if options.truncation is None else latents.truncate(z, options.truncation)


def target(run, options, what, ending):
    """The path of what is written."""
    return pathlib.Path(options.to) if options.to else pathlib.Path(options.out_dir) / f"{run.name}-{what}{ending}"


def progress(unit, count):
    """A bar on a terminal, for what takes long."""
    return tqdm(total=count, unit=f" {unit}", disable=count <= _AT_A_TIME or not sys.stderr.isatty(), dynamic_ncols=True)


if __name__ == "__main__":
    run_command(main)
