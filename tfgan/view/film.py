"""Films: GIF and WebP with Pillow, MP4 with imageio."""

import importlib.util
import io
import itertools
import math
import pathlib
import tempfile

import numpy as np
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

from tfgan.common import files
from tfgan.common import images
from tfgan.errors import UserError

KINDS = ("gif", "webp", "mp4")
_LONGEST = 300  # the most frames in the film of a run
_HOLD_S = 2.0  # how long the last frame is shown, in seconds


def require_encoder(kind):
    """Raises UserError if films of this kind (one of KINDS) cannot be written here."""
    if kind != "mp4":
        return
    if not importlib.util.find_spec("imageio") or not importlib.util.find_spec("imageio_ffmpeg"):
        raise UserError("mp4 needs imageio with its encoder: pip install 'tfgan[mp4]'; or choose gif or webp")


def save(path, frames, seconds, hold=True):
    """Writes a film atomically. GIF and WebP repeat for ever. Raises UserError if the encoder is missing.

    path: ends in .gif, .webp or .mp4. frames: an iterable of uint8 [h, w, 1 or 3], all of the same size. seconds: how long each
    frame is shown. hold: show the last frame for two seconds.
    """
    kind = path.suffix[1:]
    require_encoder(kind)
    last = _HOLD_S if hold else seconds
    if kind == "mp4":
        content = _mp4(frames, seconds, last)
    else:
        content = io.BytesIO()
        first, *rest = (images.to_pillow(images.enlarge(frame)) for frame in frames)
        times = [round(1000 * seconds)] * len(rest) + [round(1000 * last)]
        # Lossless, because lossy WebP handles enlarged pixels badly.
        first.save(content, kind, save_all=True, append_images=rest, duration=times, loop=0, lossless=True)
        content = content.getvalue()
    with files.atomic_write(path) as file:
        file.write(content)


def _mp4(frames, seconds, last):
    import imageio.v3 as iio

    frames = [images.enlarge(frame) for frame in frames]
    frames += frames[-1:] * (round(last / seconds) - 1)
    height, width, channels = frames[0].shape
    room = [[0, 0], [0, height % 2], [0, width % 2], [0, 0]]  # the encoding requires even sides
    pixels = np.pad(np.stack(frames), room, mode="edge")
    pixels = np.repeat(pixels, 3, axis=3) if channels == 1 else pixels
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "film.mp4"  # the encoder is a separate program, which only writes files
        iio.imwrite(path, pixels, plugin="FFMPEG", fps=1 / seconds, macro_block_size=1, quality=8)
        return path.read_bytes()


def save_run_film(path, grids):
    """Writes the film of a run: its sample grids, each with its iteration below. Returns {iteration: grid}, uint8 [h, w, c].

    grids: {iteration: path of a PNG}, ascending, from `read.sample_grids`. If there are more than 300, evenly spaced ones are
    used. Grids that cannot be read, or differ in size from the last one, are skipped with a warning. Raises UserError if none is
    left.
    """
    places = list(grids.items())
    if len(places) > _LONGEST:
        places = [places[i] for i in images.evenly_spaced(_LONGEST, len(places))]
    pictures = {}
    for iteration, place in places:
        try:
            pictures[iteration] = images.load_png(place)
        except UserError as error:
            print(f"Warning: {error}; the film is made without it")
    if not pictures:
        raise UserError(f"there is no sample grid of {path.stem} in {path.parent} for a film; train it, or give its --out-dir")
    large = {n: images.enlarge(picture) for n, picture in pictures.items()}
    shape = large[max(large)].shape
    frames = [add_caption(picture, f"iteration {n:,}") for n, picture in large.items() if picture.shape == shape]
    if left_out := len(pictures) - len(frames):
        print(f"Warning: {left_out} grids differ in size from the last one; the film is made without them")
    save(path, frames, seconds=min(0.5, max(0.05, 10 / len(frames))))
    return pictures


def add_caption(picture, text):
    """The picture, uint8 [h, w, 1 or 3], with a text on a white strip below it."""
    _, width, channels = picture.shape
    size = max(12, width // 24)
    strip = Image.new("L" if channels == 1 else "RGB", (width, 2 * size), "white")
    place = (size // 2, size // 3)
    ImageDraw.Draw(strip).text(place, text, fill="black", font=ImageFont.load_default(size))
    return np.concatenate([picture, np.asarray(strip).reshape(2 * size, width, channels)])


def there_and_back(frames):
    """The frames forwards and then backwards. The ends are not doubled, so that the film repeats without a jump."""
    return list(itertools.chain(frames, frames[-2:0:-1]))


def save_interpolation(path, samples):
    """Writes a film of images uint8 [N, steps, h, w, c]: N images at a time, in a grid, through all steps and back."""
    count, steps, *shape = samples.shape
    rows = math.isqrt(count)
    columns = -(-count // rows)
    empty = np.full([rows * columns - count, *shape], 255, np.uint8)
    frames = [images.grid(np.concatenate([moment, empty]), rows, columns) for moment in samples.swapaxes(0, 1)]
    save(path, there_and_back(frames), seconds=min(0.2, max(0.04, 2 / steps)), hold=False)
