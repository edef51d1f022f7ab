"""`python -m tfgan.sample`: images of a trained generator, from the run's folder alone.

TensorFlow is imported only after the options have been read, so that --help and their errors come at once.
"""

import argparse
import math
import pathlib
import re

from tfgan.common import files
from tfgan.common import machine
from tfgan.common.command import ArgumentParser
from tfgan.common.command import run_command
from tfgan.errors import UserError
from tfgan.runs import pretrained
from tfgan.runs import read
from tfgan.sampling import classes
from tfgan.sampling import drawing
from tfgan.sampling import latents
from tfgan.sampling import picture_files
from tfgan.sampling import sinks
from tfgan.sampling import tasks
from tfgan.view import film

_COUNT = 64  # images by default
_OF_SAMPLES = ("count", "best_of", "interpolate", "format", "grid")  # options of samples alone
_ROWS, _PAIRS, _STEPS = 8, 50, 200  # of an interpolation: rows by default; the most rows and steps, which are all in memory


def parser():
    """The command's argument parser."""
    p = ArgumentParser("tfgan.sample", description="Makes images with a run's generator. The same seed gives the same images.")
    pretrained.add_choice(p)
    p.add_argument("--iteration", metavar="K", help="use the checkpoint of this iteration, or best (default: the newest)")
    p.add_argument("--count", type=int, metavar="N", help=f"number of images (default {_COUNT}, or what fills the picture)")
    p.add_argument("--seed", type=int, metavar="N", help="seed of the noise (default: the run's, as for its sample grids)")
    group = p.add_argument_group("which images")
    text = "the class of a conditional run's images, by name or number; several with commas (default: the data's shares)"
    group.add_argument("--label", metavar="CLASS", help=text)
    group.add_argument("--z", metavar="FILE.npy", help="your own noise, [N, z_dim], instead of a seed's")
    group.add_argument("--truncation", type=float, metavar="PSI", help="limit the values of normal noise to +-PSI")
    group.add_argument("--best-of", type=int, metavar="K", help="draw K times as many, and keep those that D finds most real")
    text = f"go from one image to another in N steps, in {_ROWS} rows (or --count): a grid and a film"
    group.add_argument("--interpolate", type=int, metavar="N", help=text)
    group = p.add_argument_group("from pictures to noise, and along directions")
    text = "find the noise whose images are nearest to these pictures: a picture of both, and the noise as .npy for --z"
    group.add_argument("--project", nargs="+", metavar="FILE", help=text)
    text = "go along the K directions of noise that change the image most, in a row for each"
    group.add_argument("--directions", type=int, metavar="K", help=text)
    group.add_argument("--complete", metavar="FILE", help="fill the hole of a picture (give --mask, too)")
    group.add_argument("--mask", metavar="FILE", help="a picture as large as that of --complete, white in the hole")
    group = p.add_argument_group("what is written")
    formats = "one picture (default), an archive of arrays, or a folder of pictures"
    group.add_argument("--format", choices=sinks.FORMATS, help=formats)
    group.add_argument("--grid", type=_grid, metavar="ROWSxCOLS", help="layout of the one picture (default: about square)")
    group.add_argument("--film", choices=film.KINDS, help="format of the film of --interpolate (default gif)")
    group.add_argument("--to", metavar="PATH", help="the file or folder to write (default: out/RUN-sample...)")
    group.add_argument("--log-dir", default="logs", help="where runs are (default logs)")
    group.add_argument("--out-dir", default="out", help="where images are written (default out)")
    return p


def _grid(text):
    if not (match := re.fullmatch(r"([1-9]\d*)[xX]([1-9]\d*)", text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not ROWSxCOLS, such as 4x8")
    return int(match[1]), int(match[2])


def check(options):
    """Raises UserError if options contradict each other or are out of range."""
    for name, least, most in (
        ("count", 1, 2**40), ("best_of", 2, 2**20), ("interpolate", 2, _STEPS), ("seed", 0, 2**63 - 1),
        ("directions", 1, 1000),
    ):  # fmt: skip
        value = getattr(options, name)
        if value is not None and not least <= value <= most:
            bound = f"{least} or more" if value < least else f"{most} at most"
            raise UserError(f"--{name.replace('_', '-')} is {value}; it must be {bound}")
    if options.truncation is not None and not 0 < options.truncation < math.inf:
        raise UserError(f"--truncation is {options.truncation:g}; it must be above 0")
    exclusive = [
        ("z", ("count", "seed", "truncation", "best_of")),
        ("interpolate", ("best_of", "format", "grid")),
        ("grid", ("count",)),
        ("directions", (*_OF_SAMPLES, "project", "complete")),
        ("project", (*_OF_SAMPLES, "z", "truncation", "complete")),
        ("complete", (*_OF_SAMPLES, "z", "truncation")),
        ("pretrained", ("iteration",)),
    ]
    for one, others in exclusive:
        for other in others:
            if getattr(options, one) is not None and getattr(options, other) is not None:
                raise UserError(f"--{one} and --{other.replace('_', '-')} cannot be combined; leave one of them out")
    if (options.complete is None) != (options.mask is None):
        has, lacks = ("complete", "mask") if options.mask is None else ("mask", "complete")
        raise UserError(f"--{has} needs --{lacks}, too; give both, or neither")
    if options.grid and options.format not in (None, "png"):
        raise UserError(f"--grid is for --format png, not {options.format}; leave one of them out")
    if options.film and options.interpolate is None:
        raise UserError("--film is for --interpolate; give that too, or use python -m tfgan.report for the film of the run")
    film.require_encoder(options.film or "gif")


def main():
    """Runs the command and returns its exit status."""
    options = parser().parse_args()
    check(options)
    run = pretrained.chosen_run(options)
    source = _source(options, run)
    try:
        task = _task(options, run, source)
        inputs = [each for each in (options.z, options.complete, options.mask, *(options.project or ())) if each is not None]
        sinks.check_replaced(task.kind, task.path, task.beside, inputs, named=bool(options.to))
        sinks.check_target(task.kind, task.path, task.cells, options.grid)
        if isinstance(task, tasks.Samples):
            _check_memory(task.cells, run.recipe.z_dim)

        from tfgan.sampling.inference import Sampler

        with Sampler(run, read.resolve_iteration(run, options.iteration)) as sampler:
            task.write(sampler)
    except OSError as error:
        reason = files.describe_error(error)
        raise UserError(f"the samples cannot be written: {reason}; fix that, or give another --to") from error
    for path in (task.path, *task.beside):
        print(f"Saved {path}")
    return 0


def _source(options, run):
    """The `drawing.Source` that the options ask for. Raises UserError."""
    if options.truncation is not None and run.recipe.z_distribution != "normal":
        raise UserError(f"--truncation is for normal noise, but that of {run.name} is {run.recipe.z_distribution}; leave it out")
    numbers = () if options.label is None else classes.choose(options.label, run)
    if options.interpolate is not None and len(numbers) > 2:
        raise UserError(f"--label names {len(numbers)} classes, but --interpolate goes from one to another; give two, or one")
    noise = None if options.z is None else latents.read_noise(options.z, run.recipe.z_dim)
    return drawing.Source(run.seed if options.seed is None else options.seed, options.truncation, noise, numbers)


def _task(options, run, source):
    """The task that the options ask for, one of `tasks`. Raises UserError."""

    def path(what, kind="png"):
        name = f"{run.name}-{what}{'' if kind == 'folder' else f'.{kind}'}"
        return pathlib.Path(options.to) if options.to else pathlib.Path(options.out_dir) / name

    def beside(path, ending):
        return path.parent / f"{path.stem}.{ending}"

    shape = run.recipe.image_shape
    if options.interpolate is not None:
        to, pairs = path("interpolation"), _pairs(options, source)
        moving = beside(to, options.film or "gif")
        return tasks.Interpolation(source, pairs, options.interpolate, to, moving, film.save_interpolation)
    if options.directions is not None:
        return tasks.Directions(source, options.directions, path("directions"))
    if options.project is not None:
        pictures, to = picture_files.read_pictures(options.project, shape, "--project"), path("project")
        return tasks.Projection(source, options.project, pictures, to, beside(to, "npy"))
    if options.complete is not None:
        picture = picture_files.read_pictures([options.complete], shape, "--complete")
        hole = picture_files.read_mask(options.mask, options.complete, shape)
        return tasks.Completion(source, options.complete, picture, hole, path("complete"))
    kind = options.format or "png"
    return tasks.Samples(source, _count(options, source), path("sample", kind), kind, options.grid, options.best_of)


def _pairs(options, source):
    """How many pairs of images --interpolate goes between. Raises UserError."""
    if source.noise is not None and len(source.noise) % 2:
        raise UserError(f"--z holds {len(source.noise)} rows, but --interpolate takes them in pairs; give an even number")
    pairs = (options.count or _ROWS) if source.noise is None else len(source.noise) // 2
    if pairs > _PAIRS:
        raise UserError(f"--interpolate has {pairs} rows, but {_PAIRS} at most; give a smaller --count, or fewer rows in --z")
    return pairs


def _count(options, source):
    """How many images are made."""
    cells = options.grid and options.grid[0] * options.grid[1]
    if source.noise is not None:
        return min(cells or len(source.noise), len(source.noise))
    return cells or options.count or (classes.default_count(source.classes) if source.classes else _COUNT)


def _check_memory(count, z_dim):
    """Raises UserError if the noise of `count` images does not fit into memory."""
    if (needed := 4 * count * z_dim) > (available := machine.memory()):
        too_many = f"--count is {count:,}, whose noise needs {needed / 1e9:,.0f} GB of memory"
        raise UserError(f"{too_many}; this machine has {available / 1e9:,.0f} GB; draw fewer at a time, each with another --seed")


if __name__ == "__main__":
    run_command(main)
