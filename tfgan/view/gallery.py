"""Makes the film and all figures of a run, at its end or for `tfgan.report`."""

import math

from tfgan.common import images
from tfgan.errors import UserError
from tfgan.quality import measurements
from tfgan.quality import nearest
from tfgan.runs import read
from tfgan.view import figures
from tfgan.view import film

_SHOWN = 8  # how many samples are shown with their neighbours


def make(name, out_dir, recipe, metrics, real=None, kind="gif", searches=None):
    """Writes the film and the figures of the run `name` into out_dir (a Path). Returns their paths, the film's first.

    metrics: the lines of metrics.jsonl. real: the training images, uint8 [N, h, w, c], or None if they are not here; then no
    neighbours are shown. kind: one of `film.KINDS`. searches: {suffix of a figure's file: what finds the neighbours on it, a
    function of (samples, real) that gives a `nearest.Nearest`}, besides the nearest by pixels. The run's pictures are read
    from out_dir. Raises UserError if there is no sample grid, or if the film's encoder is missing.
    """
    paths = [out_dir / f"{name}.{kind}"]
    grids = film.save_run_film(paths[0], read.sample_grids(out_dir, name))
    if metrics:
        paths.append(out_dir / f"{name}-losses.png")
        figures.plot_curves(paths[-1], metrics, name)
    last = max(grids)
    grid = _own_pixels(grids[last], recipe.grid_shape, recipe)
    if (of_real := out_dir / f"{name}-real.png").exists():
        paths.append(out_dir / f"{name}-beside-real.png")
        side = math.isqrt(recipe.real_count or recipe.sample_count)
        pair = (grid, _own_pixels(images.load_png(of_real), (side, side), recipe))
        side = min(min(picture.shape[:2]) for picture in pair)  # the same number of images of both, at the same size
        figures.plot_beside_real(paths[-1], *(picture[:side, :side] for picture in pair), f"{name}, iteration {last:,}")
    if real is not None:
        one_a_row = 1 if recipe.conditional is None else recipe.grid_shape[1]  # of a row of one class, the first
        samples = images.split_grid(grid, *recipe.image_shape[:2])[::one_a_row][:_SHOWN]
        if not len(samples):
            raise UserError(f"{name}-{last:06d}.png in {out_dir} is not a grid of this run; remove it, or make it again")
        for suffix, search in {"nearest": nearest.by_pixels, **(searches or {})}.items():
            paths.append(out_dir / f"{name}-{suffix}.png")
            figures.plot_nearest(paths[-1], samples, real, search(samples, real), f"{name}, iteration {last:,}")
    return paths


def make_classes(run, out_dir):
    """Draws the classes that the samples of a `read.SavedRun` were asked for and seen as. Returns [the PNG's path].

    The figures are those of the newest checkpoint that `tfgan.evaluate` has measured, of the last measurement if there are
    several. Returns [] if there are none: the run is not conditional, or was not measured with a classifier of its classes.
    """
    results = [result for result in measurements.read_all(run) if "classes_seen" in result["figures"]]
    if not results:
        return []
    last = max(results, key=lambda result: (result["iteration"], result.get("at", 0)))
    path = out_dir / f"{run.name}-classes.png"
    figures.plot_classes(path, last["figures"]["classes_seen"], f"{run.name}, iteration {last['iteration']:,}")
    return [path]


def _own_pixels(picture, shape, recipe):
    """Undoes the enlargement of a saved grid of the recipe's images, and cuts off the names at its left.

    shape: (rows, columns).
    """
    (rows, columns), (height, width) = shape, recipe.image_shape[:2]
    times = max(1, picture.shape[0] // (rows * height))
    names = max(0, picture.shape[1] - columns * width * times) if recipe.conditional is not None else 0
    return picture[::times, names::times]
