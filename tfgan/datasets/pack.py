"""Pictures -> one packed array, once: cropped, resized, and written as an uint8 .npy with a JSON manifest beside it."""

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import sys
from typing import NamedTuple

import numpy as np
from PIL import Image
from PIL import ImageOps
from tqdm import tqdm

import tfgan
from tfgan.errors import UserError

_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp"}


class Picture(NamedTuple):
    """One image of a data set: a file, and the box (left, top, right, bottom) of it to take, in pixels, or None."""

    path: pathlib.Path
    box: tuple | None


@dataclasses.dataclass(frozen=True)
class CentreCrop:
    """The central square of that side, in pixels; None: the largest there is."""

    side: int | None

    def box(self, width, height):
        """(left, top, right, bottom) in a picture of that size, never larger than the picture."""
        side = min(width, height, self.side or width)
        left, top = (width - side) // 2, (height - side) // 2
        return left, top, left + side, top + side


def find_pictures(folder):
    """The picture files below a folder, sorted by path. Raises UserError where there are none."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())
    if not found:
        raise UserError(f"{folder} holds no pictures ({', '.join(sorted(_SUFFIXES))}); give a folder that does")
    return found


def read_picture(picture, size, crop):
    """uint8 [h, w, 3]: the picture upright, its box or else its crop, resized bilinearly to size (h, w).

    Raises OSError, as Pillow does, for a file that is no picture or breaks off.
    """
    with Image.open(picture.path) as image:
        image = ImageOps.exif_transpose(image).convert("RGB")
        box = picture.box or crop.box(*image.size)
        # Cropped first: resize's own box would let the pixels around it bleed in.
        return np.asarray(image.crop(box).resize((size[1], size[0]), Image.Resampling.BILINEAR))


def packed(pictures, source, name, data_dir, image_shape, crop):
    """The pictures as a memory-mapped uint8 [N, h, w, 3], packed into data_dir/packed unless they are there already.

    Pictures that cannot be read are left out and named. Raises UserError where none can be read or nothing be written.
    """
    size = tuple(image_shape[:2])
    array_path = data_dir / "packed" / f"{name}-{size[0]}x{size[1]}.npy"
    manifest_path = array_path.with_suffix(".json")
    listing = [[str(p.path.relative_to(source)), p.path.stat().st_size, p.box] for p in pictures]
    wanted = {
        "source": str(source),
        "listing_sha256": hashlib.sha256(json.dumps(listing).encode()).hexdigest(),
        "crop": dataclasses.asdict(crop),
        "size": list(size),
        "tfgan": tfgan.__version__,
    }
    with contextlib.suppress(OSError, ValueError):  # absent or unreadable: packed anew
        manifest = json.loads(manifest_path.read_text())
        if wanted.items() <= manifest.items():
            images = np.load(array_path, mmap_mode="r")
            if len(images) == manifest["count"]:
                return images
    try:
        array_path.parent.mkdir(parents=True, exist_ok=True)
        return _pack(pictures, array_path, manifest_path, wanted, crop)
    except OSError as error:
        raise UserError(f"cannot pack {source} into {array_path}: {error.strerror or error}") from error


def _pack(pictures, array_path, manifest_path, manifest, crop):
    height, width = manifest["size"]
    count, left_out = 0, []

    def read(picture):
        try:
            return read_picture(picture, (height, width), crop)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):  # Pillow's, for files that are damaged
            return None

    part = array_path.with_suffix(f".{os.getpid()}.part")
    try:
        # Pillow decodes and resizes outside Python's lock, so threads use all cores.
        rows = np.memmap(part, np.uint8, "w+", shape=(len(pictures), height, width, 3))
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            images = pool.map(read, pictures)
            progress = tqdm(images, f"Packing {manifest['source']}", len(pictures), disable=not sys.stderr.isatty())
            for picture, image in zip(pictures, progress, strict=True):
                if image is None:
                    left_out.append(str(picture.path))
                else:
                    rows[count] = image
                    count += 1
        if left_out:
            print(f"Left out {len(left_out)} of {len(pictures)} pictures that cannot be read, the first: {left_out[0]}")
        if not count:
            raise UserError(f"none of the {len(pictures)} pictures in {manifest['source']} can be read")
        whole = part.with_suffix(".npy.part")
        try:
            with open(whole, "wb") as file:
                np.save(file, rows[:count])
            os.replace(whole, array_path)
        finally:
            whole.unlink(missing_ok=True)
    finally:
        part.unlink(missing_ok=True)
    manifest_part = part.with_suffix(".json.part")
    manifest_part.write_text(json.dumps({**manifest, "count": count, "left_out": left_out}, indent=1))
    os.replace(manifest_part, manifest_path)
    print(f"Packed {count:,} pictures of {manifest['source']} into {array_path}", flush=True)
    return np.load(array_path, mmap_mode="r")
