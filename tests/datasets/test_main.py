"""`python -m tfgan.datasets`: the list, what it shows of a data set, and what it refuses."""

import json

import numpy as np
import pytest
from PIL import Image

import tfgan
from tests.conftest import own_pixels
from tests.datasets.test_celeba import FACES
from tests.datasets.test_decode import encoded
from tests.datasets.test_decode import photo
from tests.datasets.test_sources import make
from tfgan import datasets
from tfgan.datasets import __main__ as datasets_command
from tfgan.datasets import mnist
from tfgan.datasets import pack


def test_pictures_in_a_folder_of_a_long_name_are_shown(command, tmp_path):
    accent = "\u00e9"  # two bytes
    place = tmp_path / (accent * 125)
    place.mkdir()
    Image.fromarray(np.zeros([32, 32, 3], np.uint8)).save(place / "a.png")
    status, out, err = command(datasets_command)(place.name, "--image-size=16")
    assert status == 0, err
    assert f"Saved out/{accent * 100}-real.png" in out


def test_the_command_leaves_out_what_tfgan_made(show, tmp_path):
    made = ("data/b.png", "logs/run/projector.png", "out/run-000000.png", "kept/run/projector.png")
    make(tmp_path, {name: encoded(photo(30, 30), "PNG") for name in ("a.png", *made)})
    for options, count in (([], 2), (["--log-dir", "kept"], 2), (["--log-dir", "elsewhere"], 3)):
        status, out, _ = show(".", *options)
        assert (status, f"\n{count} images of 64 x 64 x 3" in out) == (0, True), (options, out)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied", "d/mnist/a.gz"), "cannot read d/mnist/a.gz: Permission denied; allow it, or"),
        (OSError(5, "Input/output error"), "cannot read d: Input/output error; allow it, or give another --data-dir"),
    ],
)
def test_what_cannot_be_looked_for_is_named(show, monkeypatch, error, words):
    def load(*_):
        raise error

    monkeypatch.setattr(mnist, "load", load)
    status, _, err = show("mnist", "--data-dir", "d")
    assert (status, err.count("\n")) == (2, 1)
    assert err.startswith(f"tfgan: error: {words}")


@pytest.fixture
def show(command):
    """show(*options): runs `python -m tfgan.datasets` and gives (exit status, stdout, stderr)."""
    return command(datasets_command)


def test_the_list(show, tmp_path):
    status, out, _ = show()
    assert status == 0
    terms = {
        "digits": "CC BY 4.0 (UCI Optical Recognition)", "mnist": "CC BY-SA 3.0", "fashion-mnist": "MIT",
        "celeba": "non-commercial research only", "dogs": "non-commercial research only (ImageNet)",
    }  # fmt: skip
    lines = {line.split()[0]: line for line in out.splitlines() if line[:1] not in ("", " ")}
    assert {name: line.rpartition("; ")[2] for name, line in lines.items() if name in datasets.DATASETS} == terms
    assert out.count("absent from data") == 4
    make(tmp_path / "data", FACES)
    assert "perhaps in img_align_celeba\n" in show()[1]
    assert show("celeba")[0] == 0
    assert "perhaps in img_align_celeba; packed (celeba-28x28: 3)\n" in show()[1]


def test_fetch_pack_and_show(show, tmp_path):
    files = {f"{kind}/{n}.jpg": encoded(photo(90, 70, n), "JPEG") for n in range(5) for kind in ("cat", "horse")}
    make(tmp_path / "my pets", files)
    status, out, err = show("my pets", "--image-size", 20)
    assert (status, err) == (0, "")
    for part in ("10 images of 20 x 20 x 3", "2 labels with 5 to 5 images each: cat, horse", "Saved out/my pets-real.png"):
        assert part in out
    assert Image.open(tmp_path / "out" / "my pets-real.png").size == (600, 600), "3 x 20 pixels, each ten times"
    assert "10 pictures of" in show()[1]


def test_up_to_ten_labels_are_listed_and_of_more_the_first_ten(show, tmp_path):
    assert "\n10 labels with 174 to 183 images each: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9\n" in show("digits")[1]
    make(tmp_path / "mine", {f"{kind}/a.png": encoded(photo(30, 30), "PNG") for kind in "abcdefghijk"})
    assert "\n11 labels with 1 to 1 images each: a, b, c, d, e, f, g, h, i, j ...\n" in show("mine")[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["nope"], "no data set 'nope'"),
        ([""], "no data set ''"),
        (["x" * 300], "no data set"),
        (["tests", "celeba"], "unrecognized arguments: celeba"),
        ([".", "."], "one path too many: .; give one folder or archive, or one file"),
        (["digits", "--image-size", "5"], "from 8 to 1024"),
        (["digits", "--image-size", "0"], "from 8 to 1024"),
    ],
)
def test_bad_options_are_one_line(show, options, message):
    status, _, err = show(*options)
    assert (status, err.count("\n")) == (2, 1)
    assert message in err


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
        "               perhaps in celeba.zip, img_align_celeba.zip; packed (celeba-28x28: 1,234, celeba-64x64: 5)"
    )
    assert lines[10:] == [
        "own-mine-0-64x64", "               1,000 pictures of /pictures/mine, packed", "",
        "For your own, give a folder, archive or file. To fetch, pack and see one: python -m tfgan.datasets NAME_OR_PATH",
    ]  # fmt: skip


def test_what_showing_the_digits_says(show):
    own_size = "digits is packed in its own size; training enlarges it\n"
    shown = (
        "1,797 images of 10 x 10 x 1; terms: CC BY 4.0 (UCI Optical Recognition)\n"
        "10 labels with 174 to 183 images each: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9\nSaved out/digits-real.png\n"
    )
    assert show("digits") == show("digits", "--image-size=10") == (0, shown, "")
    assert show("digits", "--image-size=28") == (0, own_size + shown, "")
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


@pytest.mark.parametrize(("side", "good"), [(7, False), (8, True), (1024, True), (1025, False)])
def test_sides_that_images_may_have(command, monkeypatch, side, good):
    monkeypatch.setattr(datasets, "load", lambda name, data_dir, request: pack.Data(np.zeros([1, *request.size, 1], np.uint8)))
    status, _, err = command(datasets_command)("digits", f"--image-size={side}")
    assert (status, err) == ((0, "") if good else (2, f"tfgan: error: --image-size is {side}; it must be from 8 to 1024\n"))


def test_a_picture_that_cannot_be_saved_is_named(command, tmp_path):
    (tmp_path / "file").touch()
    status, _, err = command(datasets_command)("digits", "--out-dir=file")
    assert (status, err.partition(" (")[0]) == (2, "tfgan: error: --out-dir: file/digits-real.png cannot be written")


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


@pytest.mark.parametrize(("there", "fetched", "count"), [(("train", "test"), False, 7), (("train",), False, 4), ((), True, 7)])
def test_no_more_is_wanted_than_training_wants(show, monkeypatch, there, fetched, count):
    """Training images alone are shown. Only where there are none is anything fetched, and then all."""
    fetches, images = [], {"train": np.zeros([4, 8, 8, 1], np.uint8), "test": np.zeros([3, 8, 8, 1], np.uint8)}

    def load(name, data_dir, request):
        if absent := set(request.splits) - set(there):
            request.require_fetch(name, data_dir)
            fetches.append(absent)
        return pack.Data(np.concatenate([images[split] for split in request.splits]))

    monkeypatch.setattr(datasets, "load", load)
    status, out, _ = show("mnist")
    assert (status, bool(fetches), f"{count} images of" in out) == (0, fetched, True)
    assert ("Shown is what training wants, the train split" in out) is (there == ("train",))
