"""What own pictures' classes are, and which of the pictures are trained on: by folders, tables and containers."""

import collections
import json
import types

import numpy as np
import pytest

from tests.datasets.test_decode import encoded
from tests.datasets.test_decode import photo
from tests.datasets.test_sources import make
from tfgan.datasets import labels
from tfgan.datasets import sources


def tree(path, folders, count=4, tables=None, seed=0):
    """A folder or archive of that many different pictures in each of the folders, and of tables, {name: text}."""
    names = [f"{folder}/{n}.png".removeprefix("/") for folder in folders for n in range(count)]
    files = {name: encoded(photo(12, 12, seed + row), "PNG") for row, name in enumerate(names)}
    return make(path, files | {name: text.encode(errors="surrogateescape") for name, text in (tables or {}).items()})


def select(source):
    """A source's names, their labels, the classes and the notes but the first."""
    selection = labels.select(source)
    names, _, numbers = zip(*selection.pictures, strict=True)
    return types.SimpleNamespace(names=names, labels=[*numbers], classes=selection.label_names, notes=selection.notes[1:])


def label(path):
    return select(sources.open_source(path))


def counts(labelled):
    """{class: how many pictures it has}, {} without classes."""
    return dict(collections.Counter(labelled.classes[n] for n in labelled.labels if n is not None))


TREES = {  # folders: (class: pictures), words of the notes
    "classes": (["cats", "dogs"], {"cats": 4, "dogs": 4}, ""),
    "one class": (["cats"], {}, ""),
    "pictures beside a folder": (["", "dogs"], {"mine": 4, "dogs": 4}, ""),
    "splits": (["train/cats", "train/dogs", "test/cats"], {"cats": 4, "dogs": 4}, "4 pictures of test/ are not for training"),
    "splits in a folder": (["a/Train/cats", "a/Train/dogs", "a/Valid/cats"], {"cats": 4, "dogs": 4}, "4 pictures of Valid/"),
    "splits in classes": (["cats/train", "cats/test", "dogs/train", "dogs/test"], {"cats": 4, "dogs": 4}, "8 pictures of test/"),
    "three splits": (["train/a", "train/b", "val/a", "test/a"], {"a": 4, "b": 4}, "of test/ and 4 pictures of val/ are"),
    "splits beside others": (["x/train/a", "x/train/b", "x/test/a", "x/more"], {"a": 4, "b": 4}, "4 pictures of more/ and 4"),
    "pictures beside splits": (["", "train/a", "train/b", "test/a"], {"a": 4, "b": 4}, "4 pictures of mine/ and 4"),
    "only splits": (["train", "test"], {}, "4 pictures of test/ are not for training, and not used"),
    "only a training split": (["train"], {}, ""),
    "no training split": (["val/a", "test/a", "test/b"], {"a": 8, "b": 4}, ""),
    "a test split": (["test/a", "test/b"], {"a": 4, "b": 4}, ""),
    "numbered": (["train2017", "val2017"], {}, "of val2017/"),
    "doubled": (["seg_train/seg_train/sea", "seg_train/seg_train/ice", "seg_pred"], {"sea": 4, "ice": 4}, "of seg_pred/"),
    "sets": (["training_set/a", "training_set/b", "test_set/a"], {"a": 4, "b": 4}, "of test_set/"),
    "domains": (["trainA", "trainB", "testA", "testB"], {"A": 4, "B": 4}, "of testA/ and 4 pictures of testB/"),
    "locomotives": (["train", "bus", "car"], {"train": 4, "bus": 4, "car": 4}, ""),
    "two kinds of trains": (["steam_train", "bullet_train"], {"steam_train": 4, "bullet_train": 4}, ""),
    "paths": (
        ["apartment/outdoor", "church/outdoor", "church/indoor"],
        {"apartment/outdoor": 4, "church/outdoor": 4, "church/indoor": 4}, "",
    ),
    "a shared end": (["n01/images", "n02/images"], {"n01": 4, "n02": 4}, ""),
    "a shared end in a split": (["train/n01/images", "train/n02/images", "val/images"], {"n01": 4, "n02": 4}, "of val/"),
    "a dot": (["./train/cats", "./train/dogs", "./test/dogs"], {"cats": 4, "dogs": 4}, "of test/"),
    "last folders that differ": (["a/b/cats", "c/dogs", "birds"], {"cats": 4, "dogs": 4, "birds": 4}, ""),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["mine", "mine.zip"])
@pytest.mark.parametrize(("folders", "classes", "words"), TREES.values(), ids=TREES)
def test_classes_of_folders(tmp_path, folders, classes, words, kind):
    labelled = label(tree(tmp_path / kind, folders))
    assert counts(labelled) == classes
    assert labelled.classes == tuple(sorted(classes))
    assert (words in " ".join(labelled.notes), len(labelled.notes)) == (True, bool(words))


def test_archives_in_a_folder_are_classes_and_splits(tmp_path):
    for name in ("train/cats.zip", "train/dogs.tar.gz", "test.zip"):
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        tree(tmp_path / "mine" / name, [""], seed=len(name))
    assert counts(label(tmp_path / "mine")) == {"cats": 4, "dogs": 4}


def test_a_tree_that_an_archive_holds_twice_is_taken_once(tmp_path):
    for folder in ("cells", "cells/cells"):
        tree(tmp_path / "mine" / folder, ["sick", "well"])
    labelled = label(tmp_path / "mine")
    assert counts(labelled) == {"sick": 4, "well": 4}
    assert labelled.notes == ("8 pictures of cells/cells/ are copies of others, and not used",)
    (tmp_path / "mine" / "cells" / "cells" / "sick" / "0.png").write_bytes(encoded(photo(12, 12, 99), "PNG"))
    assert len(label(tmp_path / "mine").names) == 12, "one picture differs, so that folder is no copy"


ROWS = [(f"{n}.png", "cat" if n < 2 else "dog") for n in range(4)]
TABLES = {
    "metadata.csv": "file_name,label\n" + "".join(f"{name},{kind}\n" for name, kind in ROWS),
    "metadata.jsonl": "".join(json.dumps({"file_name": name, "label": kind}) + "\n" for name, kind in ROWS),
    "dataset.json": json.dumps({"labels": [[f"x/{name}", kind] for name, kind in ROWS]}),
    "labels.csv": "id,breed\n" + "".join(f"{name[:-4]},{kind}\n" for name, kind in ROWS),
    "train.csv": "path,width,class_name\n" + "".join(f"x/{name},12,{kind}\n" for name, kind in ROWS),
    "any.tsv": "\ufefffile\tlabel\r\n" + "".join(f"x\\{name}\t{kind}\r\n" for name, kind in ROWS),
    "no header.csv": "".join(f"{name},{kind}\n" for name, kind in ROWS),
    "semicolons.csv": "a;kind\n" + "".join(f"{name};{kind}\n" for name, kind in ROWS),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_go_before_folders(tmp_path, name):
    place = "x/" if name.startswith("metadata") else ""
    labelled = label(tree(tmp_path / "mine", ["x"], tables={place + name: TABLES[name]}))
    assert (labelled.classes, labelled.labels) == (("cat", "dog"), [0, 0, 1, 1])
    assert labelled.notes == (f"The classes are those of {place}{name}",)


def test_each_split_may_have_its_own_table(tmp_path):
    tables = {f"{split}/metadata.csv": TABLES["metadata.csv"] for split in ("train", "test")}
    assert counts(label(tree(tmp_path / "mine", ["train", "test"], tables=tables))) == {"cat": 2, "dog": 2}


def test_numbers_are_in_their_order(tmp_path):
    table = "file,label\n" + "".join(f"{n}.png,{label}\n" for n, label in enumerate([10, 2, "2.0", 10, 9, 9]))
    labelled = label(tree(tmp_path / "mine", [""], count=6, tables={"labels.csv": table}))
    assert (labelled.classes, labelled.labels) == (("2", "9", "10"), [2, 0, 0, 2, 1, 1])


NO_CLASSES = {
    "sizes": ("sizes.csv", "file,width\na/0.png,32\na/1.png,32\na/2.png,64\na/3.png,64\n", ""),
    "another dataset.json": ("dataset.json", '{"name": "pets"}', "cannot be read for labels"),
    "text": ("metadata.csv", "file_name,text\na/0.png,one\na/1.png,two\na/2.png,three\na/3.png,four\n", ""),
    "one class": ("metadata.csv", "file_name,label\na/0.png,x\na/1.png,x\na/2.png,x\na/3.png,x\n", "1 different ones"),
    "fractions": ("labels.csv", "file,label\na/0.png,0.5\na/1.png,0.5\na/2.png,1.5\na/3.png,1.5\n", "2 different ones"),
    "few": ("labels.csv", "file,label\na/0.png,x\na/1.png,y\n", "name only 2 of 4 pictures"),
    "broken": ("dataset.json", "{", "cannot be read for labels"),
    "no text": ("metadata.jsonl", "[1]\n", "cannot be read for labels"),
    "other text": ("labels.csv", "file,label\na/0.png,\udcfc\n", "cannot be read for labels"),
    "no labels": ("dataset.json", '{"labels": null}', ""), "splits": ("list.csv", "file,partition\na/0.png,0\na/1.png,1\n", ""),
    "other pictures": ("labels.csv", "file,label\n7.png,x\n8.png,y\n", ""), "empty": ("metadata.csv", "", ""),
}  # fmt: skip


@pytest.mark.parametrize(("name", "text", "words"), NO_CLASSES.values(), ids=NO_CLASSES)
def test_tables_without_classes_leave_those_of_the_folders(tmp_path, name, text, words):
    text = text.replace("a/2", "b/0").replace("a/3", "b/1")
    labelled = label(tree(tmp_path / "mine", ["a", "b"], count=2, tables={name: text}))
    assert counts(labelled) == {"a": 2, "b": 2}
    assert [name in note and words in note for note in labelled.notes] == ([True] if words else [])


def test_tables_that_are_too_large(tmp_path, monkeypatch):
    place = tree(tmp_path / "mine", ["x"], tables={"labels.csv": TABLES["labels.csv"]})
    monkeypatch.setattr(labels, "_LARGEST", 20)
    assert label(place).notes == ("labels.csv cannot be read for labels: more than 20 bytes",)


def test_pictures_that_a_table_does_not_name_are_left_out(tmp_path):
    table = "file,label\n" + "".join(f"{n}.png,{n % 2}\n" for n in range(19))
    labelled = label(tree(tmp_path / "mine", [""], count=20, tables={"labels.csv": table}))
    assert (len(labelled.names), "19.png" in labelled.names) == (19, False)
    assert labelled.notes[0] == "1 pictures have no label in labels.csv, and are not used"


def test_the_labels_of_a_container_go_first(tmp_path):
    source = sources.open_source(tree(tmp_path / "mine", ["a", "b"], count=2, tables={"metadata.csv": TABLES["metadata.csv"]}))
    source.labels = {"a/0.png": "z", "a/1.png": "y", "b/0.png": "z", "b/1.png": "y"}
    source.label_order = ("z", "x", "y")
    labelled = select(source)
    assert (labelled.classes, labelled.labels) == (("z", "y"), [0, 1, 0, 1])


def test_masks_are_told_and_stay(tmp_path):
    place = tree(tmp_path / "mine", ["images", "masks"])
    labelled = label(place)
    assert len(labelled.names) == 8
    assert labelled.notes == (f"Warning: 4 of 8 pictures look like masks; give {place}/images to train without them",)
    files = dict.fromkeys(("a.png", "a_mask.png", "b.png", "unmasked.png"), encoded(photo(12, 12), "PNG"))
    assert label(make(tmp_path / "beside", files)).notes == (
        "Warning: 1 of 4 pictures look like masks; move them elsewhere to train without them",
    )
    assert label(tree(tmp_path / "alone", ["masks"])).notes == ()


def test_a_large_tree_takes_no_long_time(tmp_path):
    names = [f"{n % 100}/{n}.jpg" for n in range(100_000)]
    table = "file,label\n" + "".join(f"{n}.jpg,{n % 7}\n" for n in range(100_000))
    source = sources.open_source(make(tmp_path / "mine", {"labels.csv": table.encode()}))
    source.names = names
    labelled = select(source)
    assert np.bincount(labelled.labels).tolist() == [14286] * 5 + [14285] * 2


def test_pictures_of_one_name_and_size_are_no_copies_for_that(tmp_path):
    """A series may begin with the same black picture."""
    names = [f"{folder}/{n}.bmp" for folder in ("a/c", "a/a/c") for n in range(3)]
    files = {name: encoded(photo(12, 12, seed), "BMP") for seed, name in enumerate(names)}
    files["a/a/c/0.bmp"] = files["a/c/0.bmp"]
    assert len(label(make(tmp_path / "mine", files)).names) == 6
