"""Moving pictures: GIF and WebP by Pillow, MP4 by imageio."""

import importlib.util
import io
import itertools
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
_LONGEST = 300  # frames of a run's film
_HOLD_S = 2.0  # that the last frame stays


def check(kind):
    """Raises UserError where films of that kind cannot be written here."""
    if kind != "mp4":
        return
    if not importlib.util.find_spec("imageio") or not importlib.util.find_spec("imageio_ffmpeg"):
        raise UserError("mp4 needs imageio with its encoder: pip install 'tfgan[mp4]'; or take gif or webp")


def save(path, frames, seconds, hold=True):
    """Writes frames, uint8 [h, w, 1 or 3] all of one size, as a film of that kind; it appears whole or not at all.

    path: ends in .gif, .webp or .mp4. frames: an iterable, read once. seconds: each frame's time; hold: the last one stays for
    two. A GIF or WebP goes round for ever. Raises UserError where the encoder is missing.
    """
    kind = path.suffix[1:]
    check(kind)
    last = _HOLD_S if hold else seconds
    if kind == "mp4":
        content = _mp4(frames, seconds, last)
    else:
        content = io.BytesIO()
        first, *rest = (images.to_pillow(images.enlarge(frame)) for frame in frames)
        times = [round(1000 * seconds)] * len(rest) + [round(1000 * last)]
        # Lossless: small images with their pixels repeated are what WebP codes badly otherwise.
        first.save(content, kind, save_all=True, append_images=rest, duration=times, loop=0, lossless=True)
        content = content.getvalue()
    with files.atomic_write(path) as file:
        file.write(content)


def _mp4(frames, seconds, last):
    import imageio.v3 as iio

    frames = [images.enlarge(frame) for frame in frames]
    frames += frames[-1:] * (round(last / seconds) - 1)
    height, width, channels = frames[0].shape
    room = [[0, 0], [0, height % 2], [0, width % 2], [0, 0]]  # the encoding wants even sides
    pixels = np.pad(np.stack(frames), room, mode="edge")
    pixels = np.repeat(pixels, 3, axis=3) if channels == 1 else pixels
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "film.mp4"  # the encoder is a program of its own, and writes files only
        iio.imwrite(path, pixels, plugin="FFMPEG", fps=1 / seconds, macro_block_size=1, quality=8)
        return path.read_bytes()


def of_run(path, grids):
    """Writes the film of a run: its sample grids one after the other, the iteration written below each; {iteration: grid}.

    grids: {iteration: path of a PNG}, in order, as `saved.sample_grids` has it. Of more than 300 as many are taken, evenly. One that
    cannot be read, or has another size than the last, is left out with a warning. Raises UserError where none is left.
    """
    chosen = list(grids.items())
    if len(chosen) > _LONGEST:
        chosen = [chosen[i] for i in np.linspace(0, len(chosen) - 1, _LONGEST).round().astype(int)]
    pictures = {}
    for iteration, place in chosen:
        try:
            pictures[iteration] = images.load_png(place)
        except UserError as error:
            print(f"Warning: {error}; the film goes without it")
    if not pictures:
        raise UserError(f"there is no sample grid of {path.stem} in {path.parent}, so no film; train it, or give its --out-dir")
    enlarged = {n: images.enlarge(picture) for n, picture in pictures.items()}
    shape = enlarged[max(enlarged)].shape
    frames = [captioned(picture, f"iteration {n:,}") for n, picture in enlarged.items() if picture.shape == shape]
    if left_out := len(pictures) - len(frames):
        print(f"Warning: {left_out} grids have another size than the last; the film goes without them")
    save(path, frames, seconds=min(0.5, max(0.05, 10 / len(frames))))
    return pictures


def captioned(picture, text):
    """The picture with a white strip below it that says the text."""
    _, width, channels = picture.shape
    size = max(12, width // 24)
    strip = Image.new("L" if channels == 1 else "RGB", (width, 2 * size), "white")
    place = (size // 2, size // 3)
    ImageDraw.Draw(strip).text(place, text, fill="black", font=ImageFont.load_default(size))
    return np.concatenate([picture, np.asarray(strip).reshape(2 * size, width, channels)])


def there_and_back(frames):
    """The frames, and again backwards without doubling either end, so that a film of them goes round without a jump."""
    return list(itertools.chain(frames, frames[-2:0:-1]))
