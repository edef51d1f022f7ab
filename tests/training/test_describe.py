"""What a run says of itself before it trains."""

import pathlib
from types import SimpleNamespace

import numpy as np
import pytest

from tfgan import recipes
from tfgan.training import describe


@pytest.mark.parametrize(("as_written", "replicas", "how"), [
    (True, 1, "as written"), (False, 1, "fused"), (False, 2, "fused, on 2 replicas"),
])  # fmt: skip
def test_what_a_run_says_of_itself(capsys, as_written, replicas, how):
    recipe = recipes.recipe("dcgan64", "mnist").replace(batch_size=6, learning_rate=0.00123456789)
    settings = SimpleNamespace(recipe=recipe, as_written=as_written, seed=9, log_dir=pathlib.Path("there"))
    counts, pictures = [], []
    batches = SimpleNamespace(images=np.zeros([70_000, 28, 28, 1], np.uint8), count=70_000, iterations=12_345)
    batches.first_images = lambda count: counts.append(count) or batches.images[:count]
    run = SimpleNamespace(save_picture=lambda *arguments: pictures.append(arguments) or "out/real.png")
    describe.describe(settings, batches, run, replicas)
    assert capsys.readouterr().out == (
        "Data: mnist, 70,000 images of 28 x 28 x 1, trained on as 64 x 64 x 3\n"
        f"Recipe: dcgan64, batch 6, 12,345 iterations ({how}), z 100 normal, adam 0.00123457, seed 9\n"
        "Saved out/real.png; TensorBoard: tensorboard --logdir there\n"
    )
    ((suffix, picture),) = pictures
    assert (counts, suffix, picture.shape) == ([64], "real", (8 * 64, 8 * 64, 3))


def test_the_table_of_layers(capsys):
    def variable(count, trainable):
        return SimpleNamespace(shape=SimpleNamespace(num_elements=lambda: count), trainable=trainable)

    rows = [("dense", [None, 7], [variable(1200, True), variable(34, True)]), ("norm", [None, 7], [variable(5, False)])]
    assert describe._print_layers("Generator", rows) == [1234, 5]
    assert [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()] == [
        "", "Generator output shape parameters", "dense (None, 7) 1,234", "norm (None, 7) 5",
        "1,239 parameters: 1,234 trainable, 5 not trainable",
    ]  # fmt: skip
