"""Kinds of files that are not read, each with the one command that makes of it what is read. Begin with the table `KINDS`."""

import collections
import contextlib
import fnmatch
import gzip
import os
import re
import zlib
from typing import NamedTuple

from tfgan.common.command import in_shell

_BEGIN = 1024  # bytes by which a file is known
_MOST = 1000  # names that are looked at


class Kind(NamedTuple):
    """A kind of file that is not read."""

    what: str
    patterns: str  # of names in lower case, with blanks between
    remedy: str  # words; or a command, in which {} is the file, or {stem} that without its suffix, if it takes all parts at once
    begin: bytes = rb"(?!)"  # a pattern of the first bytes, without regard to case


def _python(code):
    """A command: `p` in the code is the file."""
    return f'python -c "import sys; p = sys.argv[1]; {code}" {{}}'


_RUN, _EACH = "run this, and give the result:", "run this for each, and move FILE elsewhere:"
_AGAIN = "download it again, to its end"
_PAGE = "download it again, in a browser if it must know who you are"
_COPY = "a copy was interrupted, or a cloud drive has not fetched it; copy it again"
_EXTRACT = "extract it to a folder, and give that"
_MAGICK = "magick {} {}.png"
_TO_BYTES = "((x - x.min()) * (255 / np.ptp(x))).astype('uint8')"
_SAVE = "np.savez(p + '.npz', "
_UNPICKLE = _python(  # a dictionary, such as CIFAR's; or MNIST's ((x, y), (x, y), (x, y))
    "import gzip, pickle, numpy as np; o = gzip.open if p.endswith('gz') else open; "
    f"d = pickle.load(o(p, 'rb'), encoding='bytes'); {_SAVE}**({{str(k, 'ascii') if isinstance(k, bytes) else k: v for k, v in "
    "d.items()} if isinstance(d, dict) else dict(x_train=d[0][0], y_train=d[0][1], x_test=d[-1][0], y_test=d[-1][1])))"
)
_TORCH = _python(f"import torch, numpy as np; x, y = torch.load(p, weights_only=True)[:2]; {_SAVE}images=x, labels=y)")
_ARROW = _python(
    "import pyarrow as a, pyarrow.parquet as q; f = a.memory_map(p); "
    "t = (a.ipc.open_file if f.read(6) == b'ARROW1' else a.ipc.open_stream)(a.memory_map(p)).read_all(); "
    "q.write_table(t, p + '.parquet', row_group_size=1000)"
)
_LMDB = _python(
    "import os, lmdb; e = lmdb.open(os.path.dirname(p) or '.', readonly=True, lock=False); os.mkdir('pictures'); "
    "[open(f'pictures/{n:08}.jpg', 'wb').write(v) for n, (k, v) in enumerate(e.begin().cursor())]"
)
_TFRECORD = _python(
    "import os, tensorflow as tf; os.makedirs('pictures', exist_ok=True); b = os.path.basename(p); "
    "[open(f'pictures/{b}-{n:08}.jpg', 'wb').write(max((v for f in tf.train.Example.FromString(r.numpy()).features.feature"
    ".values() for v in f.bytes_list.value), key=len)) for n, r in enumerate(tf.data.TFRecordDataset(p))]"
)
_HDF5 = _python(
    "import h5py, numpy as np; d = []; h5py.File(p).visititems(lambda n, o: d.append(o) if hasattr(o, 'shape') else "
    "None); np.save(p + '.npy', max(d, key=lambda o: o.size)[()])"
)
_MATLAB = _python(
    f"import numpy as np; from scipy.io import loadmat; {_SAVE}**{{k: np.moveaxis(v, -1, 0) if v.ndim == 4 "
    "else v for k, v in loadmat(p).items() if k[:2] != '__'})"
)
_CIFAR = _python(f"import numpy as np; r = np.fromfile(p, 'u1').reshape(-1, 3073); {_SAVE}data=r[:, 1:], labels=r[:, 0])")
_DICOM = _python(
    "import pydicom, numpy as np; from PIL import Image; x = pydicom.dcmread(p).pixel_array.astype(float); "
    f"Image.fromarray({_TO_BYTES}).save(p + '.png')"
)
_NIFTI = _python(f"import nibabel, numpy as np; x = nibabel.load(p).get_fdata().swapaxes(0, 2); np.save(p + '.npy', {_TO_BYTES})")
_VIDEO = """sh -c 'mkdir "$0.frames" && ffmpeg -i "$0" -r 2 "$0.frames/%05d.png"' {}"""

KINDS = (
    Kind("a pointer of Git LFS", "", "run `git lfs pull` in its folder", rb"version https://git-lfs"),
    Kind("a pointer of DVC", "*.dvc", "dvc pull {}"),
    Kind("a drawing (SVG, PostScript)", "*.svg *.eps *.ps *.ai", _MAGICK,
         rb"(\xef\xbb\xbf)?\s*(<\?xml.*)?<svg|%!PS|\xc5\xd0\xd3\xc6"),
    Kind("a web page", "*.html *.htm *.webloc *.url", _PAGE, rb"(\xef\xbb\xbf)?\s*<(!doctype|html|head|\?xml)"),
    Kind("an unfinished download", "*.crdownload *.part *.partial *.download *.aria2 *.incomplete", _AGAIN),
    Kind("a part of a split archive", "*.part[0-9]*.rar", "unrar x {stem}.rar"),
    Kind("a part of a split archive", "*.z[0-9][0-9]", "zip -s 0 {stem}.zip --out whole.zip"),
    Kind("a part of a split archive", "*.00[0-9] *.aa *.ab", "cat {stem}.* > whole && mv whole {stem}"),
    Kind("a RAR archive", "*.rar", "unrar x {}", rb"Rar!\x1a\x07"),
    Kind("a 7z archive", "*.7z", "7z x {}", rb"7z\xbc\xaf\x27\x1c"),
    Kind("compressed with zstd", "*.zst *.zstd *.tzst", "zstd -d {}", rb"\x28\xb5\x2f\xfd"),
    Kind("compressed with lz4", "*.lz4", "lz4 -dm {}", rb"\x04\x22\x4d\x18"),
    Kind("compressed with lzma", "*.lzma", "xz -d {}"),
    Kind("an image of a disk", "*.iso *.dmg *.img", "7z x {}"),
    Kind("a file of PyTorch", "*.pt *.pth", _TORCH, rb"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"),
    Kind("a pickle (it can run any program: convert it only if you trust it)",
         "*.pkl *.pkl.gz *.pickle *.p data_batch_? test_batch", _UNPICKLE, rb"\x80[\x02-\x05][}(\]\x95c]"),
    Kind("CIFAR's binary form", "*data_batch_?.bin *test_batch.bin", _CIFAR),
    Kind("a TFRecord", "*.tfrecord *.tfrecords *.tfrecord-* *tfrecord*-of-*", _TFRECORD),
    Kind("a data base of LMDB", "data.mdb *.lmdb", _LMDB, rb".{16}\xde\xc0\xef\xbe"),
    Kind("HDF5", "*.h5 *.hdf5 *.hdf *.he5", _HDF5, rb"\x89HDF\r\n\x1a\n|MATLAB 7.3"),
    Kind("a file of MATLAB", "*.mat", _MATLAB, rb"MATLAB 5.0"),
    Kind("ARFF", "*.arff", _python("t = open(p).read(); open(p + '.csv', 'w').write(t[t.lower().index('@data') + 6:])")),
    Kind("Arrow or Feather", "*.arrow *.feather", _ARROW, rb"ARROW1|\xff\xff\xff\xff"),
    Kind("HEIC", "*.heic *.heif *.hif", _MAGICK, rb"....ftyp(?!.{0,28}avi[fs])(hei|hev|mif1|msf1)"),
    Kind("JPEG XL", "*.jxl", "djxl {} {}.png", rb"\xff\x0a|....JXL \r\n"),
    Kind("a camera's raw picture", "*.cr2 *.cr3 *.nef *.arw *.dng *.orf *.rw2 *.raf", _MAGICK),
    Kind("a PDF", "*.pdf", "pdftoppm -png {} {}", rb"%PDF"),
    Kind("a document of Photoshop", "*.psd *.psb", "magick {}'[0]' {}.png", rb"8BPS"),
    Kind("DICOM", "*.dcm *.dicom", _DICOM, rb".{128}DICM"),
    Kind("NIfTI", "*.nii *.nii.gz", _NIFTI, rb".{344}n\+1\0"),
    Kind("a video", "*.mp4 *.m4v *.mov *.avi *.mkv *.webm *.mpg *.wmv", _VIDEO,
         rb"....ftyp(iso|mp4|m4v|qt|avc1|3g)|RIFF....AVI |\x1aE\xdf\xa3"),
    Kind("a spreadsheet", "*.xlsx *.xls *.ods", "soffice --headless --convert-to csv {}"),
    Kind("a document", "*.docx *.pptx *.odt *.doc *.ppt", "soffice --headless --convert-to pdf {}"),
)  # fmt: skip
_NO_PICTURES = (  # what else lies where a picture should be; the last ones are known by the words of an error
    Kind("an empty file", "", _COPY, rb"\Z"),
    Kind("nothing but zeros", "", _COPY, rb"\0+\Z"),
    Kind("JSON", "", _PAGE, rb"\s*[\[{]\s*[\"\]}]"),
    Kind("AVIF", "", "pip install -U pillow", rb"....ftyp.{0,28}avi[fs]"),
    Kind("an archive", "", _EXTRACT, rb"PK\x03\x04|\x1f\x8b|BZh|\xfd7zXZ"),
    Kind("a NumPy array", "", "give it itself as --dataset", rb"\x93NUMPY"),
    Kind("encrypted", "", "extract it with its password (7z x FILE) to a folder, and give that"),
    Kind("compression method", "", _EXTRACT),
)
_NAMES = {pattern: kind for kind in KINDS for pattern in kind.patterns.split()}


def refusal(path):
    """What the file at a path is, why it is not read, and the command that converts it: a sentence. None if it is of no kind."""
    data = []
    with contextlib.suppress(OSError, EOFError, zlib.error):
        for opener in (open, gzip.open):
            with opener(path, "rb") as file:
                data.append(file.read(_BEGIN))
    kind = next(filter(None, (_by_begin(each, KINDS) for each in data)), None) or (_NAMES.get(_pattern(path)) if data else None)
    return kind and f"{path} is {kind.what}, and is not read; {_remedy(kind, path)}"


def refusal_inside(source):
    """The `refusal` of a source's first file of such a kind. The command converts all files of that name's pattern. Or None."""
    patterns = {name: _pattern(name) for name in source.files[:: len(source.files) // _MOST + 1]}
    name, pattern = next(((name, pattern) for name, pattern in patterns.items() if pattern), (None, None))
    if name is None:
        return None
    path, kind = os.path.join(source.path, name), _NAMES[pattern]
    if not os.path.exists(path):
        remedy = "extract the archive to a folder, and give that"
    elif [*patterns.values()].count(pattern) > 1 and "{}" in kind.remedy:
        remedy = f"{_RUN} find {in_shell(source.path)} -iname {in_shell(pattern)} -exec {kind.remedy} \\;"
    else:
        remedy = _remedy(kind, path)
    return f"{path} is {kind.what}, and is not read; {remedy}"


def kind_of(data):
    """What a file is that is no picture, in words, by its first bytes."""
    kind = _by_begin(data[:_BEGIN], KINDS + _NO_PICTURES)
    return f"{kind.what}, which is not read" if kind else "not a picture of a known kind"


def main_reason(rejects):
    """The reason of at least half of the rejects, (name, reason), with its remedy, as a part of a sentence; or ""."""
    kinds = {kind.what: kind for kind in KINDS + _NO_PICTURES}
    reasons = collections.Counter()
    for name, reason in rejects:
        words = re.sub(r"\d[\d,]*", "...", reason.replace(name, "..."))  # without what differs from picture to picture
        reasons[next((what for what in kinds if what in reason), words)] += 1
    for reason, count in reasons.most_common(1):
        if 2 * count >= len(rejects):
            whose = "all of them" if count == len(rejects) else f"{count:,} of them"
            remedy = f"; {_remedy(kinds[reason], 'FILE', _EACH)}" if reason in kinds else ""
            return f" ({whose}: {reason}{remedy})"
    return ""


def _remedy(kind, path, words=_RUN):
    if "{" not in kind.remedy:
        return kind.remedy
    return f"{words} {kind.remedy}".replace("{}", in_shell(path)).replace("{stem}", in_shell(os.path.splitext(path)[0]))


def _by_begin(data, kinds):
    return next((kind for kind in kinds if re.match(kind.begin, data, re.DOTALL | re.IGNORECASE)), None)


def _pattern(path):
    """The first pattern of names that fits, or None."""
    name = os.path.basename(path).lower()
    return next((pattern for pattern in _NAMES if fnmatch.fnmatchcase(name, pattern)), None)
