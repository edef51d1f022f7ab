"""`python -m tfgan.sample`: images of a trained generator, from the run's folder alone.

TensorFlow is imported only after the options have been read, so that --help and their errors come at once.
"""

import argparse
import math
import pathlib
import re
import shlex

import numpy as np

from tfgan.common import files
from tfgan.common.command import ArgumentParser
from tfgan.common.command import run_command
from tfgan.errors import UserError
from tfgan.runs import environment
from tfgan.runs import pretrained
from tfgan.runs import saved
from tfgan.sampling import classes
from tfgan.sampling import drawing
from tfgan.sampling import latents
from tfgan.sampling import showing
from tfgan.sampling import sinks
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
    if options.truncation is not None and run.recipe.z_distribution != "normal":
        raise UserError(f"--truncation is for normal noise, but that of {run.name} is {run.recipe.z_distribution}; leave it out")
    chosen = () if options.label is None else classes.choose(options.label, run)
    if options.interpolate is not None and len(chosen) > 2:
        raise UserError(f"--label names {len(chosen)} classes, but --interpolate goes from one to another; give two, or one")
    given = None if options.z is None else latents.read_noise(options.z, run.recipe.z_dim)
    source = drawing.Source(run.seed if options.seed is None else options.seed, options.truncation, given, chosen)
    kind, what = options.format or "png", _what(options)
    name = f"{run.name}-{what}{'' if options.format == 'folder' else f'.{kind}'}"
    path = pathlib.Path(options.to) if options.to else pathlib.Path(options.out_dir) / name
    beside = {"project": [_beside(path, "npy")], "interpolation": [_beside(path, options.film or "gif")]}.get(what, [])
    inputs = [each for each in (options.z, options.complete, options.mask, *(options.project or ())) if each is not None]
    try:
        sinks.check_replaced(kind, path, beside, inputs, named=bool(options.to))
        if what == "project":
            written = project(run, options.iteration, source, options.project, path, *beside)
        elif what == "directions":
            written = directions(run, options.iteration, source, options.directions, path)
        elif what == "complete":
            written = complete(run, options.iteration, source, options.complete, options.mask, path)
        elif what == "sample":
            written = sample(run, options.iteration, source, options.count, options.best_of, kind, options.grid, path)
        else:
            written = interpolate(run, options.iteration, source, options.count, options.interpolate, path, *beside)
    except OSError as error:
        reason = files.describe_error(error)
        raise UserError(f"the samples cannot be written: {reason}; fix that, or give another --to") from error
    for each in written:
        print(f"Saved {each}")
    return 0


def _what(options):
    """What the options ask for, as it stands in the name of the file."""
    if options.interpolate is not None:
        return "interpolation"
    return next((name for name in ("project", "directions", "complete") if getattr(options, name) is not None), "sample")


def _beside(path, ending):
    """The file of the same name with another ending."""
    return path.parent / f"{path.stem}.{ending}"


def sample(run, iteration, source, count, best_of, kind, grid, path):
    """Writes images as `kind` (one of `sinks.FORMATS`) to the path, and returns [path]. Raises UserError.

    iteration: what --iteration says. source: a `drawing.Source`. count, best_of, grid: as the options, None if not given.
    """
    cells = grid and grid[0] * grid[1]
    if source.given is not None:
        count = min(cells or len(source.given), len(source.given))
    else:
        count = cells or count or (classes.default_count(source.chosen) if source.chosen else _COUNT)
    sinks.check_target(kind, path, count, grid)
    if (needed := 4 * count * run.recipe.z_dim) > (there := environment.memory()):
        too_many = f"--count is {count:,}, whose noise needs {needed / 1e9:,.0f} GB of memory"
        raise UserError(f"{too_many}; this machine has {there / 1e9:,.0f} GB; draw fewer at a time, each with another --seed")

    from tfgan.sampling.inference import Sampler

    with Sampler(run, saved.resolve_iteration(run, iteration)) as sampler:
        arrays, labels, names = {}, source.labels(sampler, count), None
        if labels is not None:
            arrays["labels"], names = labels, [sampler.class_names[label] for label in labels]
        if best_of:
            z, arrays["scores"] = drawing.best_of(sampler, source, labels, count, best_of)
        else:
            z = source.z(sampler, count)
        layout = grid and sinks.Layout(*grid)
        if source.chosen:
            layout = classes.layout(source.chosen, count, sampler.class_names, grid)
        with sinks.open_sink(kind, path, (count, *run.recipe.image_shape), layout, names, z=z, **arrays) as add:
            drawing.write_images(sampler, z, labels, add)
        print(f"{count:,} images of {run.name}, iteration {sampler.iteration:,}")
    return [path]


def interpolate(run, iteration, source, pairs, steps, path, moving):
    """Writes a grid of the steps between pairs of images to the path, and the film of them to `moving`. Returns both paths.

    source: a `drawing.Source`. pairs: the number of rows; None means all given pairs, or the default. Raises UserError.
    """
    if source.given is not None:
        if len(source.given) % 2:
            raise UserError(f"--z holds {len(source.given)} rows, but --interpolate takes them in pairs; give an even number")
        pairs = len(source.given) // 2
    pairs = pairs or _ROWS
    if pairs > _PAIRS:
        raise UserError(f"--interpolate has {pairs} rows, but {_PAIRS} at most; give a smaller --count, or fewer rows in --z")
    sinks.check_target("png", path, pairs * steps, None)

    from tfgan.sampling.inference import Sampler

    with Sampler(run, saved.resolve_iteration(run, iteration)) as sampler:
        labels, names = source.labels(sampler, 2 * pairs), ()  # chosen classes in turn: one of both ends, or one of each end
        if labels is not None:
            names = classes.names_of_ways(labels, sampler.class_names)
        made = drawing.interpolation(sampler, source, labels, pairs, steps)
        print(f"{steps} steps between {pairs} pairs of images of {run.name}, iteration {sampler.iteration:,}")
    rows = made.reshape(pairs * steps, *made.shape[2:])
    with sinks.open_sink("png", path, rows.shape, sinks.Layout(pairs, steps, names=names)) as add:
        add(rows)
    film.save_interpolation(moving, made)
    return [path, moving]


def directions(run, iteration, source, count, path):
    """Writes a picture with a strip for each of the strongest directions to the path, and returns [path]. Raises UserError."""
    sinks.check_target("png", path, count * len(showing.AMOUNTS), None)

    from tfgan.sampling.inference import Sampler

    with Sampler(run, saved.resolve_iteration(run, iteration)) as sampler:
        made = showing.strips(sampler, source, count)
        print(f"{count} directions of {run.name}, iteration {sampler.iteration:,}")
    layout = sinks.Layout(*made.shape[:2], names=tuple(str(n + 1) for n in range(count)))
    _save(path, made.reshape(-1, *made.shape[2:]), layout)
    return [path]


def project(run, iteration, source, given, path, noise):
    """Writes pictures and what is nearest to them to the path, and the noise to `noise`. Returns both paths. Raises UserError.

    given: the pictures' paths.
    """
    from tfgan.sampling import picture_files

    target = picture_files.read_pictures(given, run.recipe.image_shape, "--project")
    sinks.check_target("png", path, 2 * len(target), None)

    from tfgan.sampling.inference import Sampler

    with Sampler(run, saved.resolve_iteration(run, iteration)) as sampler:
        found = showing.project(sampler, source, target)
        for n, each in enumerate(given):
            print(f"{each}: {_found(sampler, found, n)}")
    if found.labels is not None:
        label = classes.label(sampler.class_names[n] for n in found.labels)
        print(f"With this noise as --z, give the classes, too: --label={shlex.quote(label)}")
    _save(path, *showing.pairs(target, found.images))
    with files.atomic_write(noise) as file:
        np.save(file, found.z)
    return [path, noise]


def complete(run, iteration, source, given, mask, path):
    """Writes a picture with a hole, G's image, and the picture filled to the path, and returns [path]. Raises UserError.

    given, mask: the paths of the picture and its mask.
    """
    from tfgan.sampling import picture_files

    sinks.check_target("png", path, 3, None)
    picture = picture_files.read_pictures([given], run.recipe.image_shape, "--complete")
    hole = picture_files.read_mask(mask, given, run.recipe.image_shape)

    from tfgan.sampling.inference import Sampler

    with Sampler(run, saved.resolve_iteration(run, iteration)) as sampler:
        made, found = showing.complete(sampler, source, picture, hole)
        print(f"{given}, outside the hole: {_found(sampler, found, 0)}")
    _save(path, made, sinks.Layout(1, len(made)))
    return [path]


def _found(sampler, found, n):
    """What a `noise_search.Projected` says of an image."""
    of_class = "" if found.labels is None else f", class {sampler.class_names[found.labels[n]]}"
    return f"mean error {found.errors[n]:.1%} of the range{of_class}"


def _save(path, images, layout):
    with sinks.open_sink("png", path, images.shape, layout) as add:
        add(images)


if __name__ == "__main__":
    run_command(main)
