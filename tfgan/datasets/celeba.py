"""CelebA's aligned faces (Liu et al. 2015): 202,599 JPEGs of 178x218, each with 40 attributes. Non-commercial research only."""

from tfgan.datasets import download
from tfgan.datasets import pack
from tfgan.datasets import sources
from tfgan.datasets.decode import CentreCrop
from tfgan.datasets.decode import Picture
from tfgan.datasets.pictures import PicturePackingJob
from tfgan.datasets.pictures import pixel_settings
from tfgan.errors import UserError

_HASH = "md5:00d2c5bc6d35e252742224ab0c1e8fcb"
_ARCHIVE = download.RemoteFile(
    "img_align_celeba.zip",
    (
        "https://s3-us-west-1.amazonaws.com/udacity-dlnfd/datasets/celeba.zip",
        "https://s3.amazonaws.com/pytorch-tutorial-assets/img_align_celeba.zip",
    ),
    _HASH,
    1_443_490_838,
)
_CROP = CentreCrop(108)  # pixels: the side of the square around the face


def load(info, data_dir, request):
    """Each face's central 108x108, resized bilinearly. Labels are its attributes, if data_dir has list_attr_celeba.txt."""
    candidates = [(data_dir / "img_align_celeba", None)]
    candidates += [(data_dir / name, _HASH) for name in (_ARCHIVE.name, "celeba.zip")]  # the tutorial's name for it
    name = f"celeba-{request.size[0]}x{request.size[1]}"
    if (source := sources.first_existing(candidates)) is None:
        if data := pack.load_packed(name, data_dir, pixel_settings(request.size, _CROP)):
            return data
        request.require_fetch(info.name, data_dir)
        download.find_or_fetch([_ARCHIVE], data_dir)
        source = sources.first_existing(candidates)
    table = data_dir / "list_attr_celeba.txt"

    def select():
        names = source.names
        if not table.is_file():
            return [Picture(member) for member in names], ()
        rows, attributes = read_attributes(table)
        files = [member.rpartition("/")[2] for member in names]
        if absent := [file for file in files if file not in rows]:
            example = f"{absent[0]} ({len(absent):,} files are missing)"
            raise UserError(f"{table} has no line for {example}; put the whole file there, or remove it")
        return [Picture(member, label=rows[file]) for member, file in zip(names, files, strict=True)], attributes

    also = [sources.SingleFile(table)] if table.is_file() else []
    return pack.load_or_pack(PicturePackingJob(source, select, request.size, _CROP, request.keep_going, also), name, data_dir)


def read_attributes(path):
    """Reads list_attr_celeba.txt: ({file name: a list of 0 or 1 for each attribute}, attribute names).

    The file's first line is the count, the second line the attributes' names. Each further line has a file name, then 1 or -1
    for each attribute. Raises UserError for any other content.
    """
    try:
        _, names, *lines = path.read_text().splitlines()
        names = tuple(names.split())
        rows = {file: [{"1": 1, "-1": 0}[value] for value in values] for file, *values in map(str.split, lines)}
        if any(len(row) != len(names) for row in rows.values()):
            raise ValueError("its lines differ in length")
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path} is not a list of CelebA's attributes ({error}); get it again, or remove it") from error
    return rows, names
