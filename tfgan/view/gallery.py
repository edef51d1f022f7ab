"""Makes the film and all figures of a run, at its end or for `tfgan.report`."""

import math

from tfgan.common import images
from tfgan.errors import UserError
from tfgan.runs import saved
from tfgan.view import figures
from tfgan.view import film

_SHOWN = 8  # how many samples are shown with their neighbours


def make(name, out_dir, recipe, metrics, real=None, kind="gif"):
    """Writes the film and the figures of the run `name` into out_dir (a Path). Returns their paths, the film's first.

    metrics: the lines of metrics.jsonl. real: the training images, uint8 [N, h, w, c], or None if they are not here; then no
    neighbours are shown. kind: one of `film.KINDS`. The run's pictures are read from out_dir. Raises UserError if there is no
    sample grid, or if the film's encoder is missing.
    """
    made = [out_dir / f"{name}.{kind}"]
    shown = film.save_run_film(made[0], saved.sample_grids(out_dir, name))
    if metrics:
        made.append(out_dir / f"{name}-losses.png")
        figures.plot_curves(made[-1], metrics, name)
    last = max(shown)
    grid = _own_pixels(shown[last], recipe.sample_count, recipe)
    if (of_real := out_dir / f"{name}-real.png").exists():
        made.append(out_dir / f"{name}-beside-real.png")
        pair = (grid, _own_pixels(images.load_png(of_real), recipe.real_count or recipe.sample_count, recipe))
        side = min(min(picture.shape[:2]) for picture in pair)  # the same number of images of both, at the same size
        figures.plot_beside_real(made[-1], *(picture[:side, :side] for picture in pair), f"{name}, iteration {last:,}")
    if real is not None:
        made.append(out_dir / f"{name}-nearest.png")
        samples = images.split_grid(grid, *recipe.image_shape[:2])[:_SHOWN]
        if not len(samples):
            raise UserError(f"{name}-{last:06d}.png in {out_dir} is not a grid of this run; remove it, or make it again")
        figures.plot_nearest(made[-1], samples, real, f"{name}, iteration {last:,}")
    return made


def _own_pixels(picture, count, recipe):
    """Undoes the enlargement of a saved square grid of `count` images of the recipe's size."""
    times = max(1, picture.shape[0] // (math.isqrt(count) * recipe.image_shape[0]))
    return picture[::times, ::times]
