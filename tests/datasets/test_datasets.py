"""The data sets: found where they lie, fetched, verified, labelled; and what is wrong with them said in a line."""


import pytest

import tfgan
from tests.conftest import assert_says
from tfgan import datasets
from tfgan import recipes
from tfgan import train
from tfgan.training import options as options_of_train


@pytest.mark.parametrize("name", ["nowhere", "a.zip", "notes.txt"])
def test_neither_a_data_set_nor_pictures(tmp_path, name):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(tfgan.UserError, match="no data set .* and no folder or archive of that name; .*celeba"):
        datasets.info(str(tmp_path / name))


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
