"""The data sets' own texts, the edges of what is accepted, and what is said: small files and pictures of one level."""

import json

import numpy as np
import pytest
from PIL import Image

import tfgan
from tests.conftest import own_pixels
from tests.datasets.test_decode import WHOLE
from tests.datasets.test_decode import encoded
from tests.datasets.test_decode import photo
from tests.datasets.test_decode import solid
from tests.datasets.test_sources import make
from tfgan import datasets
from tfgan.datasets import __main__ as datasets_command
from tfgan.datasets import decode
from tfgan.datasets import labels
from tfgan.datasets import pack
from tfgan.datasets import pictures
from tfgan.datasets import shards
from tfgan.datasets import sources
from tfgan.datasets.decode import DamagedPicture
from tfgan.datasets.decode import Picture

RESEARCH = "non-commercial research only"
# name -> channels, model, size, about, terms, splits, classes
KNOWN = {
    "digits": (1, "mlp", 28, "1,797 grey digits of 8x8, embedded", "CC BY 4.0 (UCI Optical Recognition)", ("train",), 10),
    "mnist": (1, "dcgan28", 28, "70,000 grey digits of 28x28 (12 MB)", "CC BY-SA 3.0", ("train", "test"), 10),
    "fashion-mnist": (1, "dcgan28", 28, "70,000 grey pictures of clothes, 28x28 (31 MB)", "MIT", ("train", "test"), 10),
    "celeba": (3, "dcgan28", 28, "202,599 faces of 178x218 (1.4 GB)", RESEARCH, ("train",), None),
    "dogs": (3, "dogs", 64, "20,580 photos of 120 breeds (0.8 GB)", f"{RESEARCH} (ImageNet)", ("train",), 120),
}
FILES = {  # where the list looks for each of them
    "digits": (), "mnist": ("mnist/train-images-idx3-ubyte.gz", "train-images-idx3-ubyte.gz"),
    "fashion-mnist": ("fashion-mnist/train-images-idx3-ubyte.gz",),
    "celeba": ("img_align_celeba", "img_align_celeba.zip", "celeba.zip"),
    "dogs": ("Images", "images.tar", "generative-dog-images.zip"),
}  # fmt: skip


def test_what_is_known_of_each_data_set(tmp_path):
    found = {i.name: (i.channels, i.model, i.size, i.about, i.terms, i.splits, i.classes) for i in datasets.DATASETS.values()}
    assert found == KNOWN
    assert {info.name: info.files for info in datasets.DATASETS.values()} == FILES
    own = datasets.info(str(tmp_path))
    assert (own.name, own.channels, own.model, own.size, own.about, own.terms) == (
        "own", 3, "dcgan64", 64, "your own pictures", "yours",
    )  # fmt: skip


def test_the_list_says_what_is_there(tmp_path, capsys):
    """All files of a data set that are there, all its packed arrays, and the user's own ones after them."""
    for name in ("celeba.zip", "img_align_celeba.zip"):
        (tmp_path / name).touch()
    packed = {"celeba-28x28": (1234, "x"), "celeba-64x64": (5, "x"), "own-mine-0-64x64": (1000, "/pictures/mine")}
    for name, (count, source) in packed.items():
        (tmp_path / "packed").mkdir(exist_ok=True)
        np.save(tmp_path / "packed" / f"{name}.npy", np.zeros([count, 1, 1, 1], np.uint8))
        manifest = {"format": 1, "settings": {}, "count": count, "shape": [1, 1, 1], "label_names": [], "source": source}
        (tmp_path / "packed" / f"{name}.json").write_text(json.dumps(manifest))
    datasets_command.show_list(tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "digits         1,797 grey digits of 8x8, embedded; CC BY 4.0 (UCI Optical Recognition)", "               embedded",
        "mnist          70,000 grey digits of 28x28 (12 MB); CC BY-SA 3.0", f"               absent from {tmp_path}",
    ]  # fmt: skip
    assert lines[7] == (
        "               downloaded (img_align_celeba.zip, celeba.zip); packed (celeba-28x28: 1,234, celeba-64x64: 5)"
    )
    assert lines[10:] == [
        "own-mine-0-64x64", "               1,000 pictures of /pictures/mine, packed", "",
        "For your own pictures, give a folder, zip or tar. To fetch, pack and see one: python -m tfgan.datasets NAME_OR_PATH",
    ]  # fmt: skip


def test_what_showing_the_digits_says(command):
    show = command(datasets_command)
    own_size = "digits is packed in its own size; training enlarges it\n"
    shown = (
        "1,797 images of 10 x 10 x 1; terms: CC BY 4.0 (UCI Optical Recognition)\n"
        "10 labels with 174 to 183 images each: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9\nSaved out/digits-real.png\n"
    )
    first, last = (f"digits-10x10-0000{n}-of-00004.npy" for n in (0, 3))
    written = f"Wrote data/packed/{first} to {last}, each with its .json\n"
    assert show("digits") == show("digits", "--image-size=10") == (0, shown, "")
    assert show("digits", "--image-size=28", "--shards=4") == (0, own_size + written + shown, "")
    with Image.open("out/digits-real.png") as picture:
        assert picture.size == (640, 640), "eight times ten pixels, each eight times"


def test_the_picture_shows_random_images(command, monkeypatch):
    """64 of all, each once, the same ones each time: where folders follow one another, no folder is left out."""
    images = np.arange(240, dtype=np.uint8).repeat(64).reshape(240, 8, 8, 1)
    monkeypatch.setattr(datasets, "load", lambda *_: pack.Data(images))
    assert command(datasets_command)("digits")[0] == 0
    first = own_pixels("out/digits-real.png", 64)
    shown = first[::8, ::8].ravel()
    assert len(set(shown.tolist())) == 64
    assert np.histogram(shown, [0, 60, 120, 180, 240])[0].min() >= 8
    assert command(datasets_command)("digits")[0] == 0
    np.testing.assert_array_equal(own_pixels("out/digits-real.png", 64), first)


@pytest.mark.parametrize(("dataset", "remedy"), [
    ("mnist", "put the label files beside the image files"), ("fashion-mnist", "put the label files beside the image files"),
    ("celeba", "put list_attr_celeba.txt into the data folder"),
    ("dogs", "put annotation.tar or Annotation into the data folder"),
    ("/my/pets", "give each class a sub-folder of its own, two or more of them"),
])  # fmt: skip
def test_how_each_data_set_gets_labels(dataset, remedy):
    recipe = tfgan.recipe("compact").replace(dataset=dataset, conditional="projection", classes=2)
    for data in (pack.Data(np.zeros([2, 1, 1, 1])), pack.Data(np.zeros([2, 1, 1, 1]), np.zeros(2, int), ("one",))):
        with pytest.raises(tfgan.UserError) as error:
            labels.with_classes(data, recipe)
        assert str(error.value) == f"--conditional: {dataset.rpartition('/')[2]} has no labels; {remedy}"


@pytest.mark.parametrize(("side", "good"), [(7, False), (8, True), (1024, True), (1025, False)])
def test_sides_that_images_may_have(command, monkeypatch, side, good):
    monkeypatch.setattr(datasets, "load", lambda name, data_dir, request: pack.Data(np.zeros([1, *request.size, 1], np.uint8)))
    status, _, err = command(datasets_command)("digits", f"--image-size={side}")
    assert (status, err) == ((0, "") if good else (2, f"tfgan: error: --image-size is {side}; it must be from 8 to 1024\n"))


def test_a_picture_that_cannot_be_saved_is_named(command, tmp_path):
    (tmp_path / "file").touch()
    status, _, err = command(datasets_command)("digits", "--out-dir=file")
    assert (status, err.partition(" (")[0]) == (2, "tfgan: error: --out-dir: file/digits-real.png cannot be written")


@pytest.mark.parametrize(("name", "good"), [
    ("a.jpg", True), ("a.JPEG", True), ("b/a.png", True), ("a.webp", True), ("a.gif", True), ("a.bmp", True), ("a.tif", True),
    ("a.TIFF", True), ("./a.jpg", True), ("../a.jpg", True), ("a.jpg.txt", False), ("jpg", False), (".a.jpg", False),
    ("b/.c/a.jpg", False), ("__MACOSX/a.jpg", False), ("b__MACOSX/a.jpg", True), ("a.svg", False), ("a.heic", False),
])  # fmt: skip
def test_names_of_pictures(name, good):
    assert sources.is_picture(name) == good


@pytest.mark.parametrize(("name", "kind"), [
    ("a.zip", sources.Zip), ("a.ZIP", sources.Zip), ("a.tar", sources.Tar), ("a.tar.gz", sources.Tar), ("a.TGZ", sources.Tar),
    ("a.tar.bz2", sources.Tar), ("a.tar.xz", sources.Tar),
])  # fmt: skip
def test_names_of_archives(tmp_path, name, kind):
    (tmp_path / name).touch()
    assert datasets.info(str(tmp_path / name)).name == "own"
    assert type(sources.open_source(tmp_path / name)) is kind


def test_a_folder_that_cannot_be_listed_is_named(tmp_path, monkeypatch):
    def walk(path, onerror, followlinks):
        onerror(PermissionError(13, "Permission denied", f"{path}/x"))

    monkeypatch.setattr(sources.os, "walk", walk)
    with pytest.raises(tfgan.UserError) as error:
        print(sources.open_source(tmp_path).names)
    assert str(error.value) == f"cannot read {tmp_path}/x: Permission denied; allow it, or remove it from {tmp_path}"


def test_a_missing_archive_is_no_damaged_one(tmp_path):
    for name in ("a.zip", "a.tar"):
        with pytest.raises(tfgan.UserError) as error:
            print(sources.open_source(tmp_path / name).names)
        assert str(error.value) == f"cannot read {tmp_path / name}: No such file or directory; allow it, or give another"


@pytest.mark.parametrize(("levels", "expected"), [
    ([0, 255], [0, 255]), ([0, 256], [0, 1]), ([-5, 100], [0, 100]), ([0, 70_000], [0, 255]), ([257, 514], [1, 2]),
])  # fmt: skip
def test_levels_of_32_bits_that_use_8_or_16(levels, expected):
    """By the largest: beyond 255 there are 16 bits. What lies outside is clipped."""
    pixels = np.repeat(np.int32(levels), 8)[None].repeat(8, axis=0)
    data = encoded(Image.fromarray(pixels), "TIFF")
    found = decode.decode(data, (8, 16), WHOLE, (0, 0, 16, 8))
    assert found[0, [0, 15], 0].tolist() == expected


@pytest.mark.parametrize(("size", "box", "words"), [
    ((8, 8), None, None), ((7, 8), None, "7 x 7 pixels, fewer than 8 x 8"), ((20, 20), (0, 0, 8, 20), None),
    ((20, 20), (0, 0, 7, 20), "7 x 20 pixels, fewer than 8 x 8"), ((20, 20), (30, 5, 40, 15), "0 x 10 pixels, fewer than 8 x 8"),
    ((20, 20), (5, 18, 15, 40), "10 x 2 pixels, fewer than 8 x 8"),
])  # fmt: skip
def test_the_smallest_picture(size, box, words):
    data = encoded(solid("L", 9, size), "PNG")
    if words is None:
        assert (decode.decode(data, (8, 8), WHOLE, box) == 9).all()
        return
    with pytest.raises(DamagedPicture) as error:
        decode.decode(data, (8, 8), WHOLE, box)
    assert str(error.value) == words


def test_labels_of_one_class_are_none():
    assert pictures.encode_labels(["a", "a"]) == ([None, None], ())
    assert pictures.encode_labels(["b", "a", "b"]) == ([1, 0, 1], ("a", "b"))
    assert pictures.encode_labels([]) == ([], ())


@pytest.mark.parametrize(("most", "sizes"), [(2**23, [64, 64, 2]), (5 * (3 * 4 + 1), [5] * 26), (1, [1] * 130)])
def test_pictures_go_to_the_processes_in_chunks(tmp_path, monkeypatch, most, sizes):
    """64 at the most, and fewer if they are large: here a byte each, and twelve of its pixels."""
    make(tmp_path / "mine", {f"{n:03}.jpg": b"x" for n in range(130)})
    source = sources.open_source(tmp_path / "mine")
    monkeypatch.setattr(pictures, "_CHUNK_BYTES", most)
    job = pictures.PicturePackingJob(source, None, (2, 2), WHOLE, False)
    chunks = [chunk for chunk, _ in job._chunks([Picture(name) for name in source.names])]
    assert [len(chunk) for chunk in chunks] == sizes
    assert [picture.name for chunk in chunks for picture in chunk] == source.names


def test_the_share_of_damaged_pictures_that_is_skipped(tmp_path, capsys):
    """One of 20 is 5%, which is not more; one of 19 is."""
    good = encoded(photo(20, 20), "PNG")
    for count in (19, 18):
        path = make(tmp_path / f"{count}", {f"{n}.png": good for n in range(count)} | {"x.png": b"x"})
        request = datasets.Request((8, 8))
        if count == 19:
            assert len(datasets.load(str(path), tmp_path, request).images) == 19
            assert f"Warning: 1 of 20 pictures in {path} cannot be read and are skipped; see " in capsys.readouterr().out
        else:
            with pytest.raises(tfgan.UserError, match=f"^1 of 19 pictures in {path} cannot be read, more than 5%; the reasons"):
                datasets.load(str(path), tmp_path, request)
    assert pack._fraction(1234, 5678) == "1,234 of 6,912 pictures"


def test_damaged_pictures_are_skipped_by_who_says_so_and_then_for_good(command, tmp_path):
    """The command's --keep-going; and whoever looks for a run's images packs them again as they were."""
    make(tmp_path / "mine", {"a.png": encoded(photo(20, 20), "PNG"), "b.png": b"x"})
    show = command(datasets_command)
    status, _, err = show("mine", "--image-size=64")
    assert (status, "--keep-going" in err) == (2, True)
    assert show("mine", "--image-size=64", "--keep-going")[0] == 0
    recipe = tfgan.recipe("dcgan64", str(tmp_path / "mine"))
    data = datasets.load_for(recipe, tmp_path / "data", keep_going=True)
    for path in (tmp_path / "data" / "packed").iterdir():
        path.unlink()
    again = datasets.find_training_images(recipe, data.sha256, tmp_path / "data")
    np.testing.assert_array_equal(again.images, data.images)
    assert len(data.images) == 1


def sharded(tmp_path, count=4):
    data = pack.Data(np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1), sha256="all")
    return shards.write(data, "digits", "digits-1x1", tmp_path, count)


def test_rows_of_shards(tmp_path):
    """Shard i has every fourth image from i on; the second of two replicas has the shards 1 and 3."""
    sharded(tmp_path)
    images, sha256 = shards.read("digits", None, tmp_path, 4, 1, 2)
    assert (images[:].reshape(-1).tolist(), sha256, len(images), images.of_all) == ([1, 5, 9, 3, 7], "all", 5, 10)
    assert (images[3].item(), images[-1].item(), images[1:4:2].reshape(-1).tolist()) == (3, 7, [5, 3])
    assert [images.images_before(replica) for replica in range(3)] == [0, 5, 10]


def test_shards_of_different_data(tmp_path):
    paths = sharded(tmp_path)
    for name, value in (("sha256_of_all", "other"), ("of_all", 11)):
        manifest = json.loads(paths[3].with_suffix(".json").read_text())
        paths[3].with_suffix(".json").write_text(json.dumps({**manifest, name: value}))
        with pytest.raises(tfgan.UserError) as error:
            shards.read("digits", None, tmp_path, 4, 1, 2)
        words = f"the shards of digits-1x1 in {tmp_path}/packed come from different data; make all of them again"
        assert str(error.value) == words
        shards.read("digits", None, tmp_path, 4, 0, 2)
        sharded(tmp_path)


@pytest.mark.parametrize(("count", "good"), [(0, False), (1, True), (10, True), (11, False)])
def test_how_many_shards_there_may_be(tmp_path, count, good):
    if good:
        assert len(sharded(tmp_path, count)) == count
    else:
        with pytest.raises(tfgan.UserError, match=f"--shards is {count}; it must be from 1 to the number of images, 10"):
            sharded(tmp_path, count)


def test_shards_that_cannot_be_written(tmp_path):
    (tmp_path / "packed").touch()
    with pytest.raises(tfgan.UserError) as error:
        sharded(tmp_path)
    path = tmp_path / "packed" / "digits-1x1-00000-of-00004.npy"
    assert str(error.value) == f"cannot write {path}: {tmp_path}/packed: File exists; fix that, or give another --data-dir"


def test_what_is_not_fetched(tmp_path):
    for name in ("mnist", "fashion-mnist", "celeba", "dogs"):
        with pytest.raises(tfgan.UserError) as error:
            datasets.load(name, tmp_path, datasets.Request((28, 28), fetch=False))
        how = f"python -m tfgan.datasets {name} --data-dir {tmp_path}"
        words = f"{name} is not in {tmp_path}, or not complete; {how} fetches it"
        assert str(error.value) == words
