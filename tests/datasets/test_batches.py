"""The order of the images: permutations, short last batches, and the pipeline that carries them into the graph."""

import concurrent.futures
import time

import numpy as np
import pytest
from PIL import Image

import tfgan
from tfgan.common import images
from tfgan.datasets.batches import Batches
from tfgan.datasets.pipeline import Pipeline
from tfgan.tf1 import tf


def batches_of(count, size, last_batch, seed=0, order_seed=None, epochs=2, d_steps=1):
    """Batches whose images are their own indices."""
    numbered = np.arange(count, dtype=np.int32).reshape(count, 1, 1, 1)
    changes = {"batch_size": size, "last_batch": last_batch, "order_seed": order_seed, "epochs": epochs, "d_steps": d_steps}
    return Batches(numbered, tfgan.recipe("mlp", "digits").replace(**changes), seed)


def values(batches, first, end):
    return [batches[n].ravel().tolist() for n in range(first, end)]


def test_drop():
    """Ten images in batches of four: two batches an epoch."""
    batches = batches_of(10, 4, "drop")
    assert (batches.per_epoch, batches.iterations) == (2, 4)
    drawn = values(batches, 0, 4)
    assert [len(b) for b in drawn] == [4] * 4
    for epoch in (drawn[:2], drawn[2:]):
        assert len(set(sum(epoch, []))) == 8


def test_keep():
    """Ten images in batches of four: the third batch has two."""
    batches = batches_of(10, 4, "keep")
    assert (batches.per_epoch, batches.iterations) == (3, 6)
    drawn = values(batches, 0, 6)
    assert [len(b) for b in drawn] == [4, 4, 2, 4, 4, 2]
    for epoch in (drawn[:3], drawn[3:]):
        assert sorted(sum(epoch, [])) == list(range(10))


def test_fill():
    """Ten images in batches of four: the third batch is filled from the first one."""
    batches = batches_of(10, 4, "fill")
    assert (batches.per_epoch, batches.iterations) == (3, 6)
    drawn = values(batches, 0, 3)
    assert sorted(sum(drawn, [])[:10]) == list(range(10))
    assert drawn[2][2:] == drawn[0][:2], "filled from the head of the same epoch"


def test_join():
    """Ten images in batches of four: the third batch has two of the next epoch."""
    batches = batches_of(10, 4, "join")
    assert (batches.per_epoch, batches.iterations) == (2.5, 5)
    stream = sum(values(batches, 0, 10), [])
    for epoch in range(4):
        assert sorted(stream[10 * epoch : 10 * epoch + 10]) == list(range(10))


@pytest.mark.parametrize("last_batch", ["drop", "keep", "fill", "join"])
def test_each_way_delivers_what_it_promises(last_batch):
    """Against a plain loop over the orders, for sizes that divide the data and that do not, over three epochs and a bit."""
    for count, size in ((7, 1), (10, 4), (12, 4), (13, 5), (64, 64), (65, 64), (100, 33), (129, 128)):
        batches = batches_of(count, size, last_batch, seed=5)
        stream = []
        for epoch in range(4):
            order = np.random.default_rng([5, epoch]).permutation(count).tolist()
            whole = count // size * size
            rest, filling = order[whole:], order[: -count % size]
            if last_batch == "drop":
                order = order[:whole]
            elif last_batch == "fill":
                order = order + filling
            elif last_batch == "keep":
                order = order[:whole] + ([rest + [-1] * (size - len(rest))] if rest else [])
            stream += order
        flat = []
        for item in stream:
            flat += item if isinstance(item, list) else [item]
        expected = [[i for i in flat[k : k + size] if i >= 0] for k in range(0, len(flat) - size + 1, size)]
        assert values(batches, 0, len(expected)) == expected, (count, size)


@pytest.mark.parametrize("last_batch", ["drop", "keep", "fill", "join"])
def test_batch_size_equal_to_the_data(last_batch):
    batches = batches_of(5, 5, last_batch)
    assert all(sorted(b) == list(range(5)) for b in values(batches, 0, 3))


def test_batch_larger_than_the_data_is_refused():
    with pytest.raises(tfgan.UserError, match=r"batch_size is 6.*5 images.*--batch-size 5"):
        batches_of(5, 6, "drop")


@pytest.mark.parametrize(("count", "size", "last_batch", "replicas", "words"), [
    (20, 2, "join", 3, "a batch has 2 images, which leaves some of 3 replicas without one"),
    (13, 4, "keep", 2, "the last batch of an epoch has 1 images, which leaves some of 2 replicas without one"),
    (13, 4, "drop", 2, None), (100, 49, "drop", 49, None),
])  # fmt: skip
def test_a_part_without_an_image_is_refused(count, size, last_batch, replicas, words):
    of = np.zeros((count, 1, 1, 1), np.uint8), tfgan.recipe("mlp", "digits").replace(batch_size=size, last_batch=last_batch), 0
    if words is None:
        assert Batches(*of, 0, replicas).part(0).rows > 0
        return
    with pytest.raises(tfgan.UserError, match=f"{words}; give another --batch-size, or fewer devices or hosts"):
        Batches(*of, 0, replicas)


def test_tutorials_iterations():
    """vanilla's and mlp's own counts, and the 1,874 and 1,094 of the two DCGANs."""
    lengths = {("vanilla", 55_000): 10_000, ("mlp", 50_000): 3_910, ("dcgan28", 60_000): 1_874, ("dcgan64", 70_000): 1_094}
    for (model, count), expected in lengths.items():
        data = np.zeros((count, 1, 1, 1), np.uint8)
        batches = Batches(data, tfgan.recipe(model), 0)
        assert batches.iterations == expected
        last = batches[batches.iterations - 1]
        assert len(last) == {"mlp": 80}.get(model, tfgan.recipe(model).batch_size)


def test_orders_of_epochs_are_permutations_and_uncorrelated():
    """At N = 60,000 the correlation of independent orders has a standard deviation of 0.0041."""
    batches = batches_of(60_000, 60_000, "drop")
    orders = [batches.indices(epoch) for epoch in range(4)]
    others = [batches_of(60_000, 60_000, "drop", seed=1).indices(0)]
    for order in orders:
        assert (np.sort(order) == np.arange(60_000)).all()
    everything = np.array(orders + others + [np.arange(60_000)])
    correlations = np.corrcoef(everything)[np.triu_indices(len(everything), 1)]
    assert np.abs(correlations).max() < 0.02


def test_order_seed_is_numpys_legacy_permutation_every_epoch():
    """The order is `np.random.permutation` after `np.random.seed(1)`."""
    batches = batches_of(10, 5, "fill", seed=9, order_seed=1)
    np.random.seed(1)
    expected = np.random.permutation(10).tolist()
    assert sum(values(batches, 0, 2), []) == sum(values(batches, 2, 4), []) == expected


def test_flips_are_drawn_for_each_image_and_reproducible():
    """About half of the images, each mirrored left to right or not at all, by (seed, n)."""
    data = np.random.default_rng(0).integers(0, 256, (64, 4, 6, 3), dtype=np.uint8)
    recipe = tfgan.recipe("mlp", "digits").replace(batch_size=32)
    plain, flipped, again = (Batches(data, recipe.replace(flip=flip), 3) for flip in (False, True, True))
    other = Batches(data, recipe.replace(flip=True), 4)
    drawn = []
    for n in range(20):
        for before, after in zip(plain[n], flipped[n], strict=True):
            drawn.append((after == before[:, ::-1]).all())
            assert drawn[-1] or (after == before).all()
        assert (flipped[n] == again[n]).all()
    assert 0.45 < np.mean(drawn) < 0.55, "640 throws: a standard deviation of 0.02"
    of_a_batch = np.array(drawn).reshape(20, 32).mean(1)
    assert of_a_batch.std() > 0.03, "not the same images in every batch"
    assert any((flipped[n] != other[n]).any() for n in range(3))


@pytest.mark.parametrize("block_bytes", [2**24, 100])
def test_blocks_change_nothing(block_bytes, monkeypatch):
    """Batches gathered ahead, in blocks or one by one, in any order of asking, twice as once."""
    monkeypatch.setattr("tfgan.datasets.batches._BLOCK_BYTES", block_bytes)
    batches = batches_of(50, 8, "keep", seed=1)
    asked = [0, 1, 2, 2, 9, 40, 8, 7, 0, 16, 17]
    assert [batches[n].ravel().tolist() for n in asked] == [batches.indices(n).tolist() for n in asked]
    assert batches.per_block == (32 if block_bytes > 100 else 3)


ORDERS = {
    "first to last": lambda steps: steps,
    "last to first": lambda steps: steps[::-1],
    "the odd ones first": lambda steps: steps[1::2] + steps[::2],
    "at once": None,
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("steps", "per_block"), [(5, 1), (5, 2), (5, 3), (5, 4), (2, 3), (3, 32), (1, 1), (1, 3)])
def test_each_block_is_gathered_once_for_all_pipelines_of_an_iteration(steps, per_block, order, monkeypatch):
    """Each pipeline asks where its batch is of another block than its last one, as `pipeline.Pipeline` does."""
    monkeypatch.setattr("tfgan.datasets.batches._BLOCK", per_block)
    batches = batches_of(50, 8, "join", seed=1, d_steps=steps)
    gathered, most, held = [], 0, [None] * steps
    gather, submit = batches._gather, batches._pool.submit
    monkeypatch.setattr(batches, "_gather", lambda number: (gathered.append(number), gather(number))[1])
    monkeypatch.setattr(batches._pool, "submit", lambda *work: (time.sleep(1e-4), submit(*work))[1])  # a chance for others
    batches._blocks.clear()  # the first was begun on without being counted

    def ask(number):
        first = number * per_block * 8
        assert batches.block(number).ravel().tolist() == expected[first : first + per_block * 8]

    last = 40 * steps
    expected = sum((batches.indices(n).tolist() for n in range(last + 2 * per_block)), [])
    with concurrent.futures.ThreadPoolExecutor(steps) as threads:
        for iteration in range(40):
            wanted = [(iteration * steps + step) // per_block for step in range(steps)]
            asking = [step for step in range(steps) if held[step] != wanted[step]]
            if ORDERS[order]:
                for step in ORDERS[order](asking):
                    ask(wanted[step])
                    most = max(most, len(batches._blocks))
            else:
                list(threads.map(lambda step, wanted=wanted: ask(wanted[step]), asking))
            held = wanted
    batches._pool.shutdown()
    used = {n // per_block for n in range(last)}
    assert len(gathered) == len(set(gathered)), "none twice"
    assert used <= set(gathered) <= set(range(max(used) + 2 + (steps - 1) // per_block)), "and hardly any in vain"
    assert most <= 3 * -(-(steps - 1) // per_block) + 2


def test_a_batch_is_a_function_of_its_number():
    ahead = batches_of(10, 4, "join", seed=3)
    backwards = [ahead[n].ravel().tolist() for n in reversed(range(9))][::-1]
    assert backwards == values(batches_of(10, 4, "join", seed=3), 0, 9)
    assert backwards != values(batches_of(10, 4, "join", seed=4), 0, 9)


@pytest.mark.parametrize(
    ("model", "shape"),
    [("vanilla", (28, 28, 1)), ("dcgan64", (28, 28, 1)), ("dcgan28", (10, 10, 1)), ("dogs", (64, 64, 3))],
)
def test_pipeline_equals_numpy_and_pillow(model, shape, graph):
    """Scaling, enlarging and repeating in the graph, against NumPy and Pillow on the same uint8."""
    data = np.random.default_rng(0).integers(0, 256, (9, *shape), dtype=np.uint8)
    recipe = tfgan.recipe(model).replace(batch_size=4, subset=None)
    batches = Batches(data, recipe, 0)
    iteration = tf.placeholder(tf.int64, [])
    batch = Pipeline(batches, recipe)(iteration)
    assert batch.shape.as_list() == [None, *recipe.image_shape]
    with tf.Session() as session:
        for n in (0, 3):
            ours = session.run(batch, {iteration: n})
            expected = images.preprocess_array(batches[n], recipe.image_shape, recipe.value_range)
            np.testing.assert_allclose(ours, expected, atol=2e-5)
    low, high = recipe.value_range
    assert low <= ours.min() < ours.max() <= high


def test_enlarging_is_half_pixel_bilinear(graph):
    """2 -> 4 by hand: weights 1, 3/4 1/4, 1/4 3/4, 1, as OpenCV's cv2.resize has it."""
    recipe = tfgan.recipe("vanilla").replace(image_shape=(1, 4, 1), batch_size=1, subset=None)
    batches = Batches(np.array([[[[0], [100]]]], np.uint8), recipe, 0)
    with tf.Session() as session:
        row = session.run(Pipeline(batches, recipe)(tf.constant(0, tf.int64))).ravel()
    np.testing.assert_allclose(row * 255, [0, 25, 75, 100], atol=1e-4)


def test_ranges_and_rounding():
    every = np.arange(256, dtype=np.uint8)
    for value_range, ends in (((0.0, 1.0), [0, 1]), ((-1.0, 1.0), [-1, 1])):
        x = images.from_uint8(every.astype(np.float32), value_range)
        np.testing.assert_allclose(x[[0, -1]], ends, atol=1e-6)
        np.testing.assert_array_equal(images.to_uint8(x, value_range), every)
    assert images.to_uint8(np.array([-3.0, 0.0, 3.0]), (-1, 1)).tolist() == [0, 128, 255]


def test_square_grid_and_pairs(tmp_path):
    numbered = np.repeat(np.arange(7, dtype=np.uint8), 12).reshape(7, 2, 3, 2)[..., :1]
    grid = images.square_grid(numbered)
    assert grid.shape == (4, 6, 1)
    assert grid[::2, ::3, 0].tolist() == [[0, 1], [2, 3]], "floor(sqrt(7)) squared, in rows"
    pair = images.side_by_side(grid, grid + 1)
    assert pair.shape == (4, 16, 1)
    images.save_png(tmp_path / "a.png", pair)
    assert (np.asarray(Image.open(tmp_path / "a.png")) == pair[..., 0]).all()
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
