"""What a user may have meant by a name of which there is no data set, no file and no folder."""

import difflib
import itertools
import os
import re

from tfgan.common import places
from tfgan.common.command import in_shell

_LISTED = 10_000  # names of a folder that are compared
_LONGEST = 255  # characters of a name that are compared
_QUOTES = " \t'\"`\u2018\u2019\u201c\u201d"
_OTHERS = re.compile(  # well-known data sets that are none of tfgan's, without their punctuation
    r"(k|e|q)mnist|cifar\d+|svhn|stl10|(tiny)?imagenet\d*|lsun\w*|ffhq\d*|celeba(mask)?hq\d*|afhq\w*|lfw|m?s?coco\d*|places\d*|"
    r"(oxford)?(flowers?\d+|iiitpets?|pets?)|food101|caltech\d+|omniglot|cub\d*|animefaces?|celeb\w*faces|wikiart"
)


def remedy(name, known, data_dir):
    """What to do about a name of which there is nothing: the end of a sentence. known: the names of all data sets."""
    if not name:
        return "the name is empty, perhaps from a variable of the shell that is not set; give one"
    if name.startswith("file://"):
        return f"give the path alone: {in_shell(name.removeprefix('file://'))}"
    if "://" in name or name.startswith("www."):
        return "it is an address: download what is there, with a browser, say, and give the path of the file"
    if os.path.islink(name):
        return f"it is a link to {os.readlink(name)}, where nothing is: mend it"
    bare = name.strip(_QUOTES)
    spellings = (bare, os.path.expanduser(bare), bare.replace("\\", "/"))
    if meant := next((each for each in spellings if each != name and (each in known or os.path.exists(each))), None):
        return f"did you mean {in_shell(meant)}?"
    if any(mark in name for mark in "*?["):
        folder = os.path.dirname(re.split(r"[*?\[]", name)[0]) or "."
        return f"give the folder and no pattern: {in_shell(folder)}"
    plain = re.sub(r"[\W_]+", "-", name).strip("-").lower()
    if _OTHERS.fullmatch(plain.replace("-", "")):
        return "tfgan does not fetch that one: get it as pictures, an archive, IDX, .npz, CSV or Parquet, and give its path"
    if close := difflib.get_close_matches(plain, known, 1, 0.7):
        return f"did you mean {close[0]}?"
    if "\\" in name:
        return "write a path with /, as this system has it; drive C is /mnt/c in WSL"
    otherwise = f"the data sets are {', '.join(known)}, or give the path of a folder, archive or file of images"
    return _nearest(name, data_dir) or otherwise


def _nearest(path, data_dir):
    """What is there of a path, in words: in the nearest folder above it, what is most like the rest. "" for nothing.

    Where it is a name alone, what is in data_dir counts as well.
    """
    path = os.path.expanduser(path)
    above, folder = os.path.dirname(path), places.existing_parent(path)
    missing = os.path.relpath(os.path.abspath(path), folder).split(os.sep)[0]
    names = {}
    for start in [above if os.path.isdir(above) else folder] if above else [data_dir, ""]:
        try:
            with os.scandir(start or ".") as entries:
                names |= {entry.name.lower(): os.path.join(start, entry.name) for entry in itertools.islice(entries, _LISTED)}
        except OSError as error:
            if above:
                return f"{folder} cannot be read: {error.strerror}"
    if close := difflib.get_close_matches(missing.lower()[:_LONGEST], names, 3, 0.7):
        return f"did you mean {' or '.join(in_shell(names[each]) for each in close)}?"
    return f"{folder} is there, and has no {missing} in it; give the path of what is there" if above else ""
