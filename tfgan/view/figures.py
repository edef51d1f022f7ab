"""Figures of a run, drawn with matplotlib: losses, samples beside real images, their nearest real images, their classes."""

import numpy as np

from tfgan.common import files
from tfgan.common import images
from tfgan.common.numbers import number_text
from tfgan.errors import UserError

try:  # matplotlib reads the user's settings while it is imported
    import matplotlib as mpl
    from matplotlib.figure import Figure
except (ImportError, OSError, RuntimeError, ValueError) as error:
    raise UserError(f"figures need matplotlib, which cannot be imported ({error}); mend it or its settings") from error

_SMOOTHING = 0.9  # the weight of the previous average, which TensorBoard also calls smoothing
_WIDE = 9.6  # inches: room for a title of a line
_NUMBERED = 20  # the most classes whose cells have numbers
# Figures look the same whatever the user's settings are. The backend stays, because pyplot alone uses it, and that is the user's.
_default_style = mpl.rc_context({name: value for name, value in mpl.rcParamsDefault.items() if name != "backend"})
_SERIES = (("C0", "d_loss", "D"), ("C1", "g_loss", "G")), (("C2", "d_real", "on real images"), ("C3", "d_fake", "on samples"))


@_default_style
def plot_curves(path, metrics, title):
    """Writes a PNG with the losses and D's mean output on real images and samples over the iterations, raw and smoothed.

    metrics: the lines of metrics.jsonl. The smoothed curves are exponential moving averages with weight 0.9. Their start is
    bias-corrected (Kingma and Ba 2015, arXiv:1412.6980, section 3).
    """
    figure = Figure(figsize=(8, 7))
    figure.subplots_adjust(0.09, 0.08, 0.98, 0.95, hspace=0.15)
    losses, outputs = figure.subplots(2, 1, sharex=True)
    iterations = [line["iteration"] for line in metrics]
    for axes, series in zip((losses, outputs), _SERIES, strict=True):
        for colour, name, label in series:
            values = [float(line.get(name, np.nan)) for line in metrics]
            axes.plot(iterations, values, color=colour, alpha=0.3)
            axes.plot(iterations, smoothed(values), color=colour, label=label)
        axes.grid(alpha=0.3)
        axes.legend()
        for axis in (axes.xaxis, axes.yaxis):  # otherwise a million is written as 1.0 below a 1e6 at the end of the axis
            axis.set_major_formatter(lambda value, _: number_text(value))
    lowest = min([0, *(line[name] for line in metrics for name in ("d_loss", "g_loss"))])
    losses.set(title=f"{title}: losses (smoothed; pale: raw)", ylabel="loss", ylim=(lowest, None))
    outputs.set(title="D's mean output, a sigmoid: 1 for real, 0 for fake", xlabel="iteration", ylim=(0, 1))
    _save(figure, path)


def smoothed(values):
    """The bias-corrected exponential moving averages of a list of values, a list of the same length."""
    average, weight, averages = 0.0, 0.0, []
    for value in values:
        average = _SMOOTHING * average + (1 - _SMOOTHING) * value
        weight = _SMOOTHING * weight + (1 - _SMOOTHING)
        averages.append(average / weight)
    return averages


@_default_style
def plot_beside_real(path, samples, real, title):
    """Writes a PNG with two pictures, uint8 [h, w, 1 or 3]: samples on the left, real images on the right."""
    figure = Figure(figsize=(10, 5.6))
    figure.suptitle(title)
    figure.subplots_adjust(0.01, 0.01, 0.99, 0.87, wspace=0.03)
    for axes, picture, label in zip(figure.subplots(1, 2), (samples, real), ("samples", "real"), strict=True):
        axes.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axes.set(xticks=[], yticks=[], title=label)
    _save(figure, path)


@_default_style
def plot_nearest(path, samples, real, nearest, title):
    """Writes a PNG with each sample above the real images nearest to it, which reveals memorised images.

    samples: uint8 [N, h, w, c]. real: uint8 [M, h', w', c']. nearest: a `quality.nearest.Nearest` of them. The number below
    a real image is its distance.
    """
    count, ranks = nearest.indices.shape
    height, width, channels = np.broadcast_shapes(samples.shape[1:], (1, 1, real.shape[3]))
    room = height // 4  # below each picture, for its number
    canvas = np.full([1 + ranks, height + room, count, width + room, channels], 255, np.uint8)
    canvas[0, :height, :, :width] = samples.swapaxes(0, 1)
    for rank in range(ranks):
        nearest_real = images.resize_to_shape(real[nearest.indices[:, rank]], (height, width, channels))
        canvas[1 + rank, :height, :, :width] = nearest_real.swapaxes(0, 1)
    canvas = canvas.reshape((1 + ranks) * (height + room), count * (width + room), channels)

    # A single picture with numbers on it: matplotlib is slow with separate axes for each image.
    figure = Figure(figsize=(max(1.2 * count, _WIDE), 1.2 * (1 + ranks) + 0.4))
    words = f"{title}: samples, and below them the nearest of {nearest.searched:,} training images{nearest.by}"
    figure.suptitle(words, fontsize="medium")
    axes = figure.add_axes((0.01, 0, 0.99, 1 - 0.4 / figure.get_figheight()))
    axes.imshow(canvas.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_axis_off()
    for (column, rank), distance in np.ndenumerate(nearest.distances):
        below = ((column + 0.5) * (width + room) - room / 2, (rank + 2) * (height + room) - room / 2)
        axes.text(*below, f"{distance:{nearest.format}}", ha="center", va="center", fontsize="small")
    _save(figure, path)


@_default_style
def plot_classes(path, counts, title):
    """Writes a PNG with a row for each class that samples were asked for, and a column for each class that they are seen as.

    counts: {asked: {seen: number of samples}}. A cell is the share of its row, in percent; the row of a class without samples is
    white. Only the cells of few classes have numbers.
    """
    names = list(counts)
    numbers = np.array([list(row.values()) for row in counts.values()], float)
    totals = numbers.sum(1, keepdims=True)
    shares = 100 * np.divide(numbers, totals, out=np.full_like(numbers, np.nan), where=totals > 0)
    few = len(names) <= _NUMBERED
    side = max(2.0, len(names) * (0.45 if few else 0.13))
    figure = Figure(figsize=(side + 3, side + 2), layout="constrained")
    axes = figure.subplots()
    heat = axes.imshow(shares, cmap="Blues", vmin=0, vmax=100, interpolation="nearest")
    figure.colorbar(heat, label="% of the row", shrink=0.8)
    small = {"fontsize": "small" if few else 5}
    axes.set_xticks(range(len(names)), names, rotation=90 if max(map(len, names)) > 2 else 0, **small)
    axes.set_yticks(range(len(names)), names, **small)
    agreement = np.trace(numbers) / max(1, numbers.sum())
    axes.set(xlabel="class seen by the classifier", ylabel="class asked for")
    figure.suptitle(f"{title}: {agreement:.1%} of the samples are seen as asked for", fontsize="medium")
    for (row, column), share in np.ndenumerate(shares if few else np.empty([0, 0])):
        if share > 0:
            colour = "white" if share > 50 else "black"
            axes.text(column, row, f"{share:.0f}", ha="center", va="center", color=colour, fontsize="x-small")
    _save(figure, path)


def _save(figure, path):
    with files.atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=120)
