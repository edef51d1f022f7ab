"""A folder of the user's own pictures, sub-folders included."""

import zlib

from tfgan.datasets import pack


def load(info, data_dir, recipe):
    """uint8 [N, h, w, 3]: each picture's centre square, upright, resized bilinearly to the recipe's size."""
    pictures = [pack.Picture(path, None) for path in pack.find_pictures(info.path)]
    place = info.path.resolve()
    name = f"folder-{place.name}-{zlib.crc32(str(place).encode()):08x}"
    return pack.packed(pictures, info.path, name, data_dir, recipe.image_shape, pack.CentreCrop(None))
