"""Which of own pictures are trained on, and their classes: by their container, a table beside them, or their folders."""

import collections
import contextlib
import csv
import io
import json
import os
import posixpath
import re

from tfgan.datasets import sources
from tfgan.datasets.decode import Picture
from tfgan.datasets.pictures import Selection

_SPLIT = re.compile(  # names of folders that tell what pictures are for, such as train, test1, seg_train and trainA
    r"(?P<data>([^\W_]+[-_ ])?)(?P<use>train(ing|val)?|test(ing)?|val(id(ation)?)?|dev|eval|extra|unlabell?ed|pred)"
    r"([-_ ]?(set|images?|data|split|\d+))?_?(?P<domain>[AB]?)(-\d+-of-\d+(-\w+)?)?",
    re.IGNORECASE,
)
_MASK = (
    r"([-\w]*[-_])?masks?|[-\w]*mask[-_]?anno|labels?|annotations?|gt|gtfine\w*|ground[-_ ]?truth|seg|segmentation\w*|"
    r"labelids|trimaps?"
)
_MASKS = re.compile(rf"(.*/)?({_MASK})/.*|.*[-_. ]({_MASK})\.\w+", re.IGNORECASE)
# Tables by their names, the most telling first, and their columns of labels.
_TABLES = [re.compile(name) for name in (r"metadata\.(jsonl|csv)", r"dataset\.json", r"(.*label.*|train.*)\.csv", r".*\.[ct]sv")]
_COLUMNS = ("label", "labels", "class", "classes", "category", "breed", "species", "diagnosis", "dx", "genre", "style", "target")
_NO_LABELS = {"partition", "split", "fold", "set", "usage", "id", "index"}
_MOST = 50  # tables, files of one name and columns that are looked at
_LARGEST = 2**26  # bytes of a table
_LONGEST = 255  # characters of a name by which masks are known
_NEARLY_ALL = 0.9  # the share of the pictures that a table must name
_BROKEN = (sources.UnreadableMember, csv.Error, ValueError, TypeError, KeyError, AttributeError, RecursionError)


def select(source):
    """The `Selection` of a source's pictures: those of its training split, or all if it has none.

    Its first note says what lies there, and what of it is not used.
    """
    folders, notes = {}, []  # a folder's name -> the names of its pictures
    for name in source.names:
        folders.setdefault(name.rpartition("/")[0], []).append(name)
    paths = _without_copies(source, folders, _training_folders(folders, _plain(source.path.name), notes), notes)
    names = [name for name in source.names if name.rpartition("/")[0] in paths]
    _warn_of_masks(source.path, names, notes)
    has_folders = len(set(paths.values())) > 1
    classes, order, tables = _classes_of_files(source, names, has_folders, notes)
    salt = json.dumps(order) if classes else ""
    if not classes and has_folders:
        ends = _shortest_ends(set(paths.values()))
        classes = {name: ends[path] for folder, path in paths.items() for name in folders[folder]}
        order = sorted(set(ends.values()))
    index = {each: n for n, each in enumerate(order)}
    pictures = [Picture(name, label=index.get(classes.get(name))) for name in names if name in classes or not classes]
    words = f"{source.path}: {len(pictures):,} pictures" + (f" in {len(order)} classes" if order else "")
    if others := source.others - collections.Counter(posixpath.splitext(name)[1].lower() for name in tables):
        words += f"; also there, not used: {sources.in_words(others)}"
    notes = [os.fsencode(note).decode(errors="backslashreplace") for note in (words, *notes)]
    return Selection(pictures, tuple(order), tuple(notes), salt)


def _plain(folder):
    """A folder's name, or that of an archive without its suffix."""
    suffix = next((each for each in (*sources.ARCHIVES, ".parquet") if folder.lower().endswith(each)), "")
    return folder[: len(folder) - len(suffix)]


def _training_folders(folders, top, notes):
    """{folder: its path without splits, as a tuple that begins with top} of the training split, or of all without such a split.

    Folders are splits if all beside them are, or if one is for training and another one is not: `train` beside `bus` and `car` is
    a class. What lies beside such splits, such as `examples`, belongs to none.
    """
    parts = {folder: tuple(_plain(part) for part in folder.split("/") if part.strip(".")) for folder in folders}
    beside = collections.defaultdict(set)  # a folder -> the folders in it
    for each in parts.values():
        for n, part in enumerate(each):
            beside[each[:n]].add(part)
    splits = {parent: _splits(names) for parent, names in beside.items()}
    paths, of_splits, others = {}, set(), {}
    for folder, each in parts.items():
        if splits.get(each):  # pictures beside the splits
            of_splits.add(folder)
            others[folder] = each[-1] if each else top
        path = [(part, splits[each[:n]].get(part), splits[each[:n]]) for n, part in enumerate(each)]
        paths[folder] = (top, *filter(None, (split["domain"] if split else part for part, split, _ in path)))
        for part, split, beside_it in path:
            if beside_it:
                of_splits.add(folder)
                if split is None or not _is_for_training(split):
                    others[folder] = part
    if of_splits == others.keys():
        return paths
    if counts := collections.Counter(name for folder, name in others.items() for _ in folders[folder]):
        words = " and ".join(f"{count:,} pictures of {name}/" for name, count in sorted(counts.items()))
        notes.append(f"{words} are not for training, and not used")
    return {folder: path for folder, path in paths.items() if folder not in others}


def _splits(names):
    """{name: its match} of those of these folders, which are beside one another, that are splits of the same data."""
    matches = {name: match for name in names if (match := _SPLIT.fullmatch(name))}
    if len({match["data"] for match in matches.values()}) != 1:
        return {}
    uses = {_is_for_training(match) for match in matches.values()}
    is_alone = len(names) == 1 and all(match["data"] for match in matches.values())  # steam_train, say
    return matches if len(uses) == 2 or (len(matches) == len(names) and not is_alone) else {}


def _is_for_training(split):
    return split["use"][:2].lower() == "tr"


def _without_copies(source, folders, paths, notes):
    """The paths without folders a/a/b that hold the same as a/b: archives on Kaggle often hold everything twice."""
    by_path, copies = {path: folders[folder] for folder, path in paths.items()}, set()
    for folder, path in paths.items():
        shorter = next((path[:n] + path[n + 1 :] for n in range(1, len(path)) if path[n] == path[n - 1]), None)
        names, others = folders[folder], by_path.get(shorter, [])
        with contextlib.suppress(sources.UnreadableMember):
            if [*map(_file, names)] != [*map(_file, others)]:
                continue
            if all(source.read(names[n]) == source.read(others[n]) for n in (0, len(names) // 2, -1)):
                copies.add(folder)
    if copies:
        count = sum(len(folders[folder]) for folder in copies)
        notes.append(f"{count:,} pictures of {os.path.commonpath(copies)}/ are copies of others, and not used")
    return {folder: path for folder, path in paths.items() if folder not in copies}


def _shortest_ends(paths):
    """{path: the name of its class}: the shortest end of the paths that tells them apart, and of n01443537/images n01443537."""
    ends = {path: path for path in paths}
    while len({end[-1] for end in ends.values()}) == 1 and min(map(len, ends.values())) > 1:
        ends = {path: end[:-1] for path, end in ends.items()}
    for length in range(1, max(map(len, paths)) + 1):
        names = {path: "/".join(end[-length:]) for path, end in ends.items()}
        if len(set(names.values())) == len(paths):
            break
    return names


def _warn_of_masks(place, names, notes):
    masks = {name for name in names if _MASKS.fullmatch(name[-_LONGEST:])}
    if 0 < len(masks) < len(names):
        common = os.path.commonpath([name.rpartition("/")[0] for name in names if name not in masks])
        alone = common and not any(name.startswith(f"{common}/") for name in masks)
        remedy = f"give {place}/{common}" if alone else "move them elsewhere"
        notes.append(f"Warning: {len(masks):,} of {len(names):,} pictures look like masks; {remedy} to train without them")


def _classes_of_files(source, names, has_folders, notes):
    """({picture: class}, the classes in order, the files that say so): of the container, or else of a table. Or ({}, (), []).

    has_folders: whether the pictures lie in several folders, which may be classes: a table must then name its column of labels.
    """
    if source.labels and (classes := _accepted(source.labels, names, source.path.name, notes)):
        present = set(classes.values())
        return classes, [each for each in source.label_order if each in present] or _in_order(present), []
    tables = collections.defaultdict(list)  # those of one name belong together: Hugging Face has one in each folder
    for file in source.files:
        base = file.rpartition("/")[2].lower()
        if rank := next((n for n, name in enumerate(_TABLES, 1) if name.fullmatch(base)), 0):
            tables[rank, base].append(file)
    index = _index(names) if tables else {}
    for _, files in sorted(tables.items())[:_MOST]:
        labels = {}
        for file in files[:_MOST]:
            try:
                labels |= _read_table(source, file, index, has_folders)
            except _BROKEN as error:
                reason = "save it as UTF-8" if isinstance(error, UnicodeDecodeError) else error
                notes.append(f"{file} cannot be read for labels: {reason}")
        if labels and (classes := _accepted(labels, names, files[0], notes)):
            notes.append(f"The classes are those of {files[0]}")
            return classes, _in_order(set(classes.values())), files
    return {}, (), []


def _accepted(labels, names, file, notes):
    """Those of the labels that are classes of pictures. {}, with a note, if they are none, or if they name too few pictures."""
    labels = {name: labels[name] for name in names if labels.get(name)}
    values, fault = set(labels.values()), None
    if len(labels) < _NEARLY_ALL * len(names):
        fault = f"name only {len(labels):,} of {len(names):,} pictures"
    elif not 1 < len(values) <= len(labels) / 2 or any(re.fullmatch(r"[-+]?\d*\.\d+(e.\d+)?", each) for each in values):
        fault = f"are no classes ({len(values):,} different ones)"
    if fault:
        notes.append(f"The labels of {file} {fault}, and are not used")
        return {}
    if len(labels) < len(names):
        notes.append(f"{len(names) - len(labels):,} pictures have no label in {file}, and are not used")
    return labels


def _in_order(classes):
    return sorted(classes, key=int) if all(re.fullmatch(r"-?\d{1,18}", each) for each in classes) else sorted(classes)


def _index(names):
    """{what a table may call a picture: the picture}: its path or its file, with or without suffix; None for several pictures."""
    index = {}
    for name in names:
        for call in {_file(name), _stem(_file(name))}:
            index[call] = None if call in index else name
    return index | {_stem(name): name for name in names} | {name: name for name in names}


def _file(path):
    return path.strip().replace("\\", "/").rpartition("/")[2]


def _stem(path):
    return re.sub(r"\.\w{1,5}$", "", path)


def _read_table(source, file, index, has_folders):
    """{picture: label} of a table: of the column that names the most pictures, and that of labels, or the only other one."""
    rows = _rows(file, source.read(file))
    if len(rows) > 4 * len(index) + _MOST:
        raise ValueError("it has far more rows than there are pictures")
    width = min(max(map(len, rows), default=0), _MOST)
    columns = [[row[n] if n < len(row) else "" for row in rows] for n in range(width)]
    hits = [len(index.keys() & set(map(_file, column))) for column in columns]
    if not any(hits):
        return {}
    pictures = columns.pop(hits.index(max(hits)))
    titles = [re.split(r"[^a-z]+", column[0].lower()) for column in columns]
    of_labels = [column for word in _COLUMNS for column, title in zip(columns, titles, strict=True) if word in title]
    if not of_labels and not has_folders and len(columns) == 1 and not _NO_LABELS.intersection(titles[0]):
        of_labels = columns
    labels = {}
    for value, text in zip(pictures, *of_labels[:1], strict=True) if of_labels else ():
        path = value.strip().replace("\\", "/").removeprefix("./")
        calls = (f"{file.rpartition('/')[0]}/{path}", path, _file(path))
        if name := next((index[call] for call in calls if index.get(call)), None):
            labels[name] = re.sub(r"^(-?\d+)\.0+$", r"\1", text.strip())
    return labels


def _rows(file, content):
    """A table's rows, lists of texts. The first has the columns' names, if the table has such."""
    if len(content) > _LARGEST:
        raise ValueError(f"more than {_LARGEST:,} bytes")
    text = content.decode("utf-8-sig")
    if file.lower().endswith(".jsonl"):
        objects = [json.loads(line) for line in text.splitlines() if line.strip()]
        keys = list(objects[0]) if objects else []
        return [keys, *([_text(each.get(key)) for key in keys] for each in objects)]
    if file.lower().endswith(".json"):
        return [["file_name", "label"], *([name, _text(value)] for name, value in json.loads(text)["labels"] or ())]
    first = text.partition("\n")[0]
    return list(csv.reader(io.StringIO(text), delimiter=max(",;\t|", key=first.count)))


def _text(value):
    return str(value) if isinstance(value, str | int) else ""
