"""CelebA's aligned faces (Liu et al. 2015; non-commercial research only): 202,599 JPEGs of 178x218."""

from tfgan.datasets import download
from tfgan.datasets import pack

_HASH = "md5:00d2c5bc6d35e252742224ab0c1e8fcb"
_ARCHIVES = (  # the same file under the tutorial's name and under its own
    download.Remote(
        "img_align_celeba.zip",
        (
            "https://s3-us-west-1.amazonaws.com/udacity-dlnfd/datasets/celeba.zip",
            "https://s3.amazonaws.com/pytorch-tutorial-assets/img_align_celeba.zip",
        ),
        _HASH,
    ),
    download.Remote("celeba.zip", (), _HASH),
)
_CROP = 108  # pixels, the square around the face


def load(info, data_dir, recipe):
    """uint8 [N, h, w, 3]: each face's central 108x108, resized bilinearly to the recipe's size."""
    folder = data_dir / "img_align_celeba"
    if not folder.is_dir():
        present = [file for file in _ARCHIVES if (data_dir / file.name).is_file()]
        [archive] = download.provide(present[:1] or _ARCHIVES[:1], data_dir)
        download.extract(archive, "img_align_celeba", folder)
    pictures = [pack.Picture(path, None) for path in pack.find_pictures(folder)]
    return pack.packed(pictures, folder, "celeba", data_dir, recipe.image_shape, pack.CentreCrop(_CROP))
