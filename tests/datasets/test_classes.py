"""The classes of a conditional run, made of its data's labels."""

import numpy as np
import pytest

import tfgan
from tests.conftest import assert_says
from tfgan.datasets import classes
from tfgan.datasets import pack


@pytest.mark.parametrize(("dataset", "remedy"), [
    ("mnist", "put the label files beside the image files"), ("fashion-mnist", "put the label files beside the image files"),
    ("celeba", "put list_attr_celeba.txt into the data folder"),
    ("dogs", "put annotation.tar or Annotation into the data folder"),
    ("/my/pets", "give each class a folder of its own, two or more, or add a labels.csv"),
])  # fmt: skip
def test_how_each_data_set_gets_labels(dataset, remedy):
    recipe = tfgan.recipe("compact").replace(dataset=dataset, conditional="projection", classes=2)
    for data in (pack.Data(np.zeros([2, 1, 1, 1])), pack.Data(np.zeros([2, 1, 1, 1]), np.zeros(2, int), ("one",))):
        with pytest.raises(tfgan.UserError) as error:
            classes.with_classes(data, recipe)
        assert_says(error.value, "--conditional", f"{dataset.rpartition('/')[2]} has no labels", remedy)
