"""All that is made of a run's pictures and metrics once it ends, or when `tfgan.report` asks."""

import math

from tfgan.common import images
from tfgan.errors import UserError
from tfgan.runs import saved
from tfgan.view import figures
from tfgan.view import film

_SHOWN = 8  # samples whose neighbours are shown


def make(name, out_dir, recipe, metrics, real=None, kind="gif"):
    """Writes the film and the figures of the run `name` into out_dir (a Path); their paths.

    metrics: the lines of metrics.jsonl; real: the training images, uint8 [N, h, w, c], or None where they are not here, and
    then there are no neighbours; kind: one of `film.KINDS`. All else is taken from the run's pictures in out_dir. Raises
    UserError where there is no sample grid or the film's encoder is missing.
    """
    made = [out_dir / f"{name}.{kind}"]
    shown = film.of_run(made[0], saved.sample_grids(out_dir, name))
    if metrics:
        made.append(out_dir / f"{name}-losses.png")
        figures.curves(made[-1], metrics, name)
    last = max(shown)
    grid = _own_pixels(shown[last], recipe.sample_count, recipe)
    if (of_real := out_dir / f"{name}-real.png").exists():
        made.append(out_dir / f"{name}-beside-real.png")
        pair = (grid, _own_pixels(images.load_png(of_real), recipe.real_count or recipe.sample_count, recipe))
        side = min(min(picture.shape[:2]) for picture in pair)  # as many of the one as of the other, in one size
        figures.beside_real(made[-1], *(picture[:side, :side] for picture in pair), f"{name}, iteration {last:,}")
    if real is not None:
        made.append(out_dir / f"{name}-nearest.png")
        samples = images.split_grid(grid, *recipe.image_shape[:2])[:_SHOWN]
        if not len(samples):
            raise UserError(f"{name}-{last:06d}.png in {out_dir} is no grid of this run; remove it, or make it again")
        figures.nearest(made[-1], samples, real, f"{name}, iteration {last:,}")
    return made


def _own_pixels(picture, count, recipe):
    """A square grid of so many of the recipe's images that was saved enlarged, each pixel once again."""
    times = max(1, picture.shape[0] // (math.isqrt(count) * recipe.image_shape[0]))
    return picture[::times, ::times]
