"""CelebA's aligned faces (Liu et al. 2015): 202,599 JPEGs of 178x218, each with 40 attributes. Non-commercial research only."""

import re

from tfgan.common.command import in_shell
from tfgan.datasets import decode
from tfgan.datasets import download
from tfgan.datasets import formats
from tfgan.datasets import forms
from tfgan.datasets import sources
from tfgan.datasets.forms import Form
from tfgan.datasets.pictures import PicturePackingJob
from tfgan.datasets.pictures import Selection
from tfgan.datasets.pictures import pixel_settings
from tfgan.errors import UserError

FORMS = {
    "celeba": (
        #    in the data folder     who has it so      what is inside
        Form("[0-9][0-9][0-9][0-9][0-9][0-9].*", "the authors", "in the folder of the faces itself"),
        Form("img_align_celeba*", "the authors, PyTorch's tutorial", "000001.jpg to 202599.jpg"),
        Form("celeba.zip", "Udacity's course", "the same"),
        Form("celeba", "torchvision, the authors' drive", "img_align_celeba and list_attr_celeba.txt, or Img and Anno"),
        Form("archive*", "Kaggle", "the download: img_align_celeba and list_attr_celeba.csv"),
        Form("*celeba*", "Kaggle, DCGAN-tensorflow, anybody", "celeba-dataset, celebA and others: the faces anywhere"),
        Form("img", "the authors' drive", "img_align_celeba"),
        Form("*.parquet", "Hugging Face", "a column of pictures"),
        Form("data", "Hugging Face", "such Parquet files"),
    )
}
BESIDE = (  # the attributes, where they do not lie with the faces
    Form("list_attr_celeba*", "the authors, Kaggle", "the list itself"),
    Form("anno*", "the authors' drive", "the list and others"),
)
_ARCHIVE = download.RemoteFile(
    "img_align_celeba.zip",
    (
        "https://s3-us-west-1.amazonaws.com/udacity-dlnfd/datasets/celeba.zip",
        "https://s3.amazonaws.com/pytorch-tutorial-assets/img_align_celeba.zip",
    ),
    "md5:00d2c5bc6d35e252742224ab0c1e8fcb",
    1_443_490_838,
)
_WHOLE = 202_599  # faces
_CROP = decode.CentreCrop(108)  # pixels: the side of the square around the face
_FACE = re.compile(r"\d{1,6}\.\w+")
_TABLE = re.compile(r"list_attr_celeba.*\.(txt|csv)", re.IGNORECASE)
_SIZE = (178, 218)  # (width, height) of an aligned face, in pixels


def load(info, data_dir, request):
    """Each face's central 108x108, resized bilinearly. Labels are its attributes, if list_attr_celeba is there."""
    published = forms.Published(info.name, "CelebA", FORMS[info.name], (_ARCHIVE,), "", _WHOLE, _count, BESIDE)
    name = f"celeba-{request.size[0]}x{request.size[1]}"
    arrays = {name: pixel_settings(request.size, _CROP)}
    [data] = forms.load(published, data_dir, request, arrays, lambda source: [job(source, request, data_dir)])
    return data


def job(source, request, beside):
    """The `pack.PackingJob` of a source with CelebA's faces. beside: a folder with the attributes, if the source has none."""
    also = forms.open_beside(BESIDE, beside)

    def select():
        names = faces(source)
        notes = [f"{source.path} has {len(names):,} of CelebA's {_WHOLE:,} faces"] if len(names) < _WHOLE else []
        table = _find_table(source) or (also and _find_table(also))
        if table is None:
            return Selection([decode.Picture(name) for name in names], notes=notes)
        rows, attributes = read_attributes(*table)
        rows = {_number(file): row for file, row in rows.items()}
        if absent := [name for name in names if _number(name) not in rows]:
            example = f"{_file(absent[0])} ({len(absent):,} files are missing)"
            raise UserError(f"{table[1]} has no line for {example}; put the whole file there, or move it elsewhere")
        return Selection([decode.Picture(name, label=rows[_number(name)]) for name in names], attributes, notes)

    return PicturePackingJob(source, select, request.size, _CROP, request.keep_going, [also] if also else [])


def faces(source):
    """The names of the aligned faces in a source, in the order of their files; [] if there are none.

    They lie in the folders that have "align" in their names, or else anywhere, such as in a folder for each gender. Other folders
    may have the same faces once more, not aligned.
    """
    names = [name for name in source.names if _FACE.fullmatch(_file(name))]
    aligned = [name for name in names if "align" in f"{source.path.name}/{name}".rpartition("/")[0].lower()]
    by_number = {}
    for name in aligned or names:
        by_number.setdefault(_number(name), name)
    return [name for _, name in sorted(by_number.items())]


def _count(source):
    """How many aligned faces a source has. Raises UserError if its pictures are larger ones, such as CelebA-HQ's."""
    names = faces(source)
    width, height = (names and _size(source, names[0])) or _SIZE
    if width > _SIZE[0] or height > _SIZE[1]:
        size, place = f"{width:,} x {height:,} pixels", in_shell(source.path)
        raise UserError(f"{source.path} has pictures of {size}, and not CelebA's of 178 x 218; for them, give --dataset {place}")
    return len(names)


def _file(name):
    return name.rpartition("/")[2]


def _number(name):
    """What a face is called whatever its format: 000001.jpg is the same face as 000001.png."""
    return _file(name).partition(".")[0]


def recognizes(source):
    """Whether the pictures of a source are CelebA's aligned faces: by their names, their number and their size."""
    names = faces(source)
    named = "celeba" in f"{source.path}/{names[0]}".lower() if names else False
    if not names or len(names) < len(source.names) or not (named or _find_table(source)):
        return False
    return _size(source, names[0]) == _SIZE


def _size(source, name):
    """(width, height) of a picture, in pixels; None if it cannot be read."""
    try:
        return formats.stored_size(source.read(name))
    except (formats.DamagedPicture, sources.UnreadableMember):
        return None


def _find_table(source):
    """(the source, the name) of a list of attributes in it, or None."""
    names = [name for name in source.files if _TABLE.fullmatch(name.rpartition("/")[2])]
    return (source, names[0]) if names else None


def read_attributes(source, name):
    """Reads list_attr_celeba.txt or .csv: ({file name: a list of 0 or 1 for each attribute}, attribute names).

    The .txt has the count in its first line and the attributes' names in its second. Kaggle's .csv has the names in its first.
    Each further line has a file name, then 1 or -1 (0 in some copies) for each attribute. Raises UserError for any other content.
    """
    try:
        lines = source.read(name).decode().replace(",", " ").splitlines()
        names, *lines = lines[1:] if len(lines[0].split()) == 1 else lines
        names = tuple(names.removeprefix("image_id ").split())
        rows = {file: [{"1": 1, "-1": 0, "0": 0}[value] for value in values] for file, *values in map(str.split, lines)}
        if any(len(row) != len(names) for row in rows.values()):
            raise ValueError("its lines differ in length")
    except (ValueError, KeyError, IndexError, sources.UnreadableMember) as error:
        raise UserError(f"{source.path}: {name} is not a list of CelebA's attributes ({error}); download it again") from error
    return rows, names
