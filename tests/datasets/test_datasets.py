"""The data sets: found where they lie, fetched, verified, labelled; and what is wrong with them said in a line."""


import os

import numpy as np
import pytest

import tfgan
from tests.conftest import assert_says
from tests.datasets.test_decode import encoded
from tests.datasets.test_decode import photo
from tests.datasets.test_sources import make
from tfgan import datasets
from tfgan import recipes
from tfgan import train
from tfgan.training import options as options_of_train


def own_info(path):
    entry = datasets.info(str(path))
    return entry.name, entry.channels, entry.model, entry.size


def test_every_path_is_own_pictures_and_grey_ones_have_a_grey_model(tmp_path):
    """A look is taken again when the folder has changed."""
    grey, colour = (encoded(photo(20, 20).convert(mode), "PNG") for mode in ("L", "RGB"))
    for name, picture, expected in (
        ("grey", grey, ("own", 1, "dcgan28", 28)), ("colour", colour, ("own", 3, "dcgan64", 64)),
        ("grey.zip", grey, ("own", 1, "dcgan28", 28)), ("colour.zip", colour, ("own", 3, "dcgan64", 64)),
    ):  # fmt: skip
        place = make(tmp_path / name, {"a.png": picture, "b/c.png": picture})
        assert own_info(place) == expected
    np.save(tmp_path / "grey.npy", np.zeros([30, 9, 9], np.uint8))
    np.save(tmp_path / "colour.npy", np.zeros([30, 9, 9, 3], np.uint8))
    assert own_info(tmp_path / "grey.npy") == ("own", 1, "dcgan28", 28)
    assert own_info(tmp_path / "colour.npy") == ("own", 3, "dcgan64", 64)
    make(tmp_path / "grey", {"d.png": colour})
    assert own_info(tmp_path / "grey") == ("own", 3, "dcgan64", 64)


def test_the_look_at_pictures_leaves_out_what_tfgan_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make(tmp_path, {"a.png": encoded(photo(20, 20).convert("L"), "PNG"), "out/run-real.png": encoded(photo(20, 20), "PNG")})
    assert datasets.info(".").channels == 1


def test_grey_pictures_are_packed_as_the_recipe_has_them(tmp_path):
    """Grey by default; in colour for a model that the user chooses, as before."""
    place = make(tmp_path / "mine", {f"{n}.png": encoded(photo(40, 40, n).convert("L"), "PNG") for n in range(3)})
    for model, shape in (("dcgan28", (3, 28, 28, 1)), ("dogs", (3, 64, 64, 3)), ("dcgan64", (3, 64, 64, 3))):
        recipe = tfgan.recipe(model, str(place))
        data = datasets.load_for(recipe, tmp_path)
        assert data.images.shape == shape
        assert datasets.find_training_images(recipe, data.sha256, tmp_path).images.shape == shape


def test_image_size_chooses_the_model():
    def resolved(*options):
        recipe = options_of_train.settings(train.parser().parse_args(options)).recipe
        return recipe.model, recipe.image_shape

    assert resolved("--dataset=celeba") == ("dcgan28", (28, 28, 3))
    assert resolved("--dataset=celeba", "--image-size=64") == ("dcgan64", (64, 64, 3))
    assert resolved("--dataset=dogs", "--image-size=28") == ("dcgan28", (28, 28, 3))
    assert resolved("--dataset=mnist", "--model=vanilla", "--image-size=64") == ("vanilla", (64, 64, 1))
    with pytest.raises(tfgan.UserError, match=r"--image-size is 28, but dogs makes no images of that size; take 64, or another"):
        resolved("--dataset=dogs", "--model=dogs", "--image-size=28")
    assert recipes.resized(tfgan.recipe("dogs"), 64) == tfgan.recipe("dogs")


def test_every_data_set_has_its_model():
    for info in datasets.DATASETS.values():
        assert tfgan.recipe(info.model, info.name).image_shape[:2] == (info.size, info.size)


def test_what_is_not_fetched(tmp_path):
    for name in ("mnist", "fashion-mnist", "celeba", "dogs"):
        with pytest.raises(tfgan.UserError) as error:
            datasets.load(name, tmp_path, datasets.Request((28, 28), fetch=False))
        remedy = f"python -m tfgan.datasets {name} --data-dir {tmp_path} fetches it"
        assert_says(error.value, f"{name} is not in {tmp_path}", remedy)


NOTHING = {  # what is given: words of the error
    "celebA": "did you mean celeba?", "Mnist": "did you mean mnist?", "fashion_mnist": "did you mean fashion-mnist?",
    "cifar10": "tfgan does not fetch that one", "KMNIST": "tfgan does not fetch that one", "": "the name is empty",
    "https://a.b/c.zip": "download what is there", "'pics'": "did you mean pics?",
    "pics/catz": "did you mean pics/cats?", "pics/nothing": "pics is there, and has no nothing in it",
    "pics/*.jpg": "give the folder and no pattern: pics", "pics\\cats": "did you mean pics/cats?",
    "C:\\pictures": "write a path with /", "broken": "it is a link to nowhere", "nope": "the data sets are digits, mnist,",
    "notes.txt/a": "notes.txt cannot be read", "Pics": "did you mean pics?", "x" * 300: "the data sets are digits, mnist,",
}  # fmt: skip


@pytest.mark.parametrize(("name", "words"), NOTHING.items())
def test_words_that_name_nothing(tmp_path, monkeypatch, name, words):
    monkeypatch.chdir(tmp_path)
    make(tmp_path, {"pics/cats/a.png": b"", "notes.txt": b""})
    (tmp_path / "broken").symlink_to("nowhere")
    for call in (datasets.info, lambda name: datasets.resolve(name, tmp_path / "data")):
        with pytest.raises(tfgan.UserError) as error:
            call(name)
        assert_says(error.value, f"there is no data set {name!r} and no folder or file of that name", words)


def test_words_that_name_a_path(tmp_path, monkeypatch, capsys):
    """A folder of the data folder by its name, and ~; a data set goes before a folder of its name, with a note."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    picture = encoded(photo(20, 20), "PNG")
    make(tmp_path, {f"{folder}/a.png": picture for folder in ("kept/vehicle", "kept/pics", "pics", "dogs", "home/mine")})
    cases = {
        "vehicle": ("kept/vehicle", "vehicle is taken from kept/vehicle\n"), "pics": ("pics", ""), "./dogs": ("./dogs", ""),
        "~/mine": (str(tmp_path / "home" / "mine"), ""), "celeba": ("celeba", ""),
        "dogs": ("dogs", "Note: dogs is the data set of that name, and not the folder here; for that, give ./dogs\n"),
    }  # fmt: skip
    for name, (meant, said) in cases.items():
        assert datasets.resolve(name, "kept") == meant
        assert capsys.readouterr().out == said
    with pytest.raises(tfgan.UserError, match="did you mean kept/vehicle?"):
        datasets.resolve("Vehicles", "kept")


def test_a_path_that_may_not_be_read(monkeypatch):
    def stat(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(datasets.os, "stat", stat)
    with pytest.raises(tfgan.UserError, match="cannot read /secret/pics: Permission denied; allow it, or give another"):
        datasets.info("/secret/pics")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", os.devnull):
        with pytest.raises(tfgan.UserError, match=f"{path} is a pipe or a device; give a folder or a file"):
            datasets.info(str(path))
