"""Data in shards, of which each replica reads its own; and parts that would be empty."""

import itertools
import json

import numpy as np
import pytest

import tfgan
from tests.distribution.test_distribute import MODES
from tests.distribution.test_distribute import mlp
from tests.distribution.test_distribute import numbered
from tfgan.datasets import __main__ as datasets_command
from tfgan.datasets import pack
from tfgan.datasets import shards
from tfgan.datasets.batches import Batches
from tfgan.datasets.pack import Data
from tfgan.errors import UserError


def sharded(tmp_path, count, replicas, number_of_shards=7):
    shards.write(Data(numbered(count), sha256="of all"), "digits", "digits-1x2", tmp_path, number_of_shards)
    read = [shards.read("digits", (1, 2), tmp_path, number_of_shards, replica, replicas) for replica in range(replicas)]
    assert {sha256 for _, sha256 in read} == {"of all"}
    return [images for images, _ in read]


@pytest.mark.parametrize("replicas", [1, 2, 3])
@pytest.mark.parametrize("mode", MODES)
def test_an_epoch_of_shards_has_every_image_once(mode, replicas, tmp_path):
    """Over all replicas together, in each epoch anew; each has images of its own, and the batches are full."""
    recipe = mlp(batch_size=30, last_batch=mode)
    parts = sharded(tmp_path, 100, replicas)
    assert sorted(itertools.chain(*(part[:][:, 0, 0, 0] for part in parts))) == list(range(100))
    batches = [Batches(part, recipe, 0, replica, replicas) for replica, part in enumerate(parts)]
    whole = Batches(numbered(100), recipe, 0)
    numbers = range(10 if mode == "join" else 2 * int(whole.per_epoch))
    seen = [np.concatenate([b[n][:, 0, 0, 0] for b in batches]) for n in numbers]
    assert [len(s) for s in seen] == [len(whole[n]) for n in range(len(seen))]
    assert [batches[0].part(n).batch_rows for n in range(len(seen))] == [len(s) for s in seen]
    assert all(b.part(n).rows == len(b[n]) for b in batches for n in range(len(seen)))
    if mode == "join":
        each = np.bincount(np.concatenate(seen), minlength=100)
        assert set(each) == {3}, "10 batches of 30 are 3 epochs of 100"
        return
    for epoch in (seen[: len(seen) // 2], seen[len(seen) // 2 :]):
        each = np.bincount(np.concatenate(epoch), minlength=100)
        assert set(each) == {"keep": {1}, "drop": {0, 1}, "fill": {1, 2}}[mode]
    assert [list(s) for s in seen[:3]] != [list(s) for s in seen[len(seen) // 2 :][:3]], "another order"


def test_shards_that_are_absent_or_of_others(tmp_path):
    sharded(tmp_path, 20, 2)
    with pytest.raises(UserError, match="no shards of mnist in 7 shards"):
        shards.read("mnist", (1, 2), tmp_path, 7, 0, 2)
    with pytest.raises(UserError, match="--shards is 7, but each of 8 replicas"):
        shards.read("digits", (1, 2), tmp_path, 7, 0, 8)
    with pytest.raises(UserError, match="digits-1x2 in 7 .* --image-size 28 --shards 7 --data-dir .* makes the right ones"):
        shards.read("digits", (28, 28), tmp_path, 7, 0, 2)
    (tmp_path / "packed" / "digits-1x2-00000-of-00007.json").write_text('{"format": 1, "count": 3}')
    with pytest.raises(UserError, match="digits-1x2-00000-of-00007.npy is missing or incomplete"):
        shards.read("digits", None, tmp_path, 7, 0, 2)
    sharded(tmp_path, 20, 2)
    (tmp_path / "packed" / "digits-1x2-00003-of-00007.npy").unlink()
    with pytest.raises(UserError, match="digits-1x2-00003-of-00007.npy is missing"):
        shards.read("digits", (1, 2), tmp_path, 7, 1, 2)
    shards.read("digits", (1, 2), tmp_path, 7, 0, 2)  # which does not read that one
    with pytest.raises(UserError, match="--shards is 21; it must be from 1 to the number of images, 20"):
        shards.write(Data(numbered(20)), "digits", "digits-1x2", tmp_path, 21)


def test_a_part_without_an_image_is_refused(tmp_path):
    with pytest.raises(UserError, match="a batch has 2 images, which leaves some of 3 replicas without one"):
        Batches(numbered(20), mlp(batch_size=2, last_batch="join"), 0, 0, 3)
    with pytest.raises(UserError, match="the last batch of an epoch has 1 images"):
        Batches(numbered(13), mlp(batch_size=4, last_batch="keep"), 0, 0, 2)
    Batches(numbered(13), mlp(batch_size=4, last_batch="drop"), 0, 0, 2)
    with pytest.raises(UserError, match="leaves some of 3 replicas"):
        Batches(sharded(tmp_path, 20, 3)[0], mlp(batch_size=3, last_batch="drop"), 0, 0, 3)
    Batches(numbered(100), mlp(batch_size=49, last_batch="drop"), 0, 0, 49)
    with pytest.raises(UserError, match="leaves some of 4 replicas"):  # by rounding: the tenth batch would have none for one
        Batches(sharded(tmp_path, 103, 4)[0], mlp(batch_size=5, last_batch="join"), 0, 0, 4)
    for count in (100, 103):
        images = sharded(tmp_path, count, 4, 8)
        for size in range(9, 20):
            parts = [Batches(part, mlp(batch_size=size, last_batch="join"), 0, r, 4) for r, part in enumerate(images)]
            assert min(part.part(n).rows for part in parts for n in range(50)) > 0


@pytest.mark.slow
def test_training_on_shards(run, command):
    assert command(datasets_command)("digits", "--shards=4")[0] == 0
    options = ["--iterations=4", "--batch-size=8", "--summary-every=2"]
    status, out, _ = run("--shards=4", "--devices=0,1", *options)
    assert status == 0
    assert "1,797 images" in out
    status, _, err = run(*options)
    assert status == 2
    assert "shards was 4, now None" in err


def digits_in_shards(tmp_path, count=4):
    data = pack.Data(np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1), sha256="all")
    return shards.write(data, "digits", "digits-1x1", tmp_path, count)


def test_rows_of_shards(tmp_path):
    """Shard i has every fourth image from i on; the second of two replicas has the shards 1 and 3."""
    digits_in_shards(tmp_path)
    images, sha256 = shards.read("digits", None, tmp_path, 4, 1, 2)
    assert (images[:].reshape(-1).tolist(), sha256, len(images), images.of_all) == ([1, 5, 9, 3, 7], "all", 5, 10)
    assert (images[3].item(), images[-1].item(), images[1:4:2].reshape(-1).tolist()) == (3, 7, [5, 3])
    assert [images.images_before(replica) for replica in range(3)] == [0, 5, 10]


def test_shards_of_different_data(tmp_path):
    paths = digits_in_shards(tmp_path)
    for name, value in (("sha256_of_all", "other"), ("of_all", 11)):
        manifest = json.loads(paths[3].with_suffix(".json").read_text())
        paths[3].with_suffix(".json").write_text(json.dumps({**manifest, name: value}))
        with pytest.raises(tfgan.UserError) as error:
            shards.read("digits", None, tmp_path, 4, 1, 2)
        words = f"the shards of digits-1x1 in {tmp_path}/packed come from different data; make all of them again"
        assert str(error.value) == words
        shards.read("digits", None, tmp_path, 4, 0, 2)
        digits_in_shards(tmp_path)


@pytest.mark.parametrize(("count", "good"), [(0, False), (1, True), (10, True), (11, False)])
def test_how_many_shards_there_may_be(tmp_path, count, good):
    if good:
        assert len(digits_in_shards(tmp_path, count)) == count
    else:
        with pytest.raises(tfgan.UserError, match=f"--shards is {count}; it must be from 1 to the number of images, 10"):
            digits_in_shards(tmp_path, count)


def test_shards_that_cannot_be_written(tmp_path):
    (tmp_path / "packed").touch()
    with pytest.raises(tfgan.UserError) as error:
        digits_in_shards(tmp_path)
    path = tmp_path / "packed" / "digits-1x1-00000-of-00004.npy"
    assert str(error.value) == f"cannot write {path}: {tmp_path}/packed: File exists; fix that, or give another --data-dir"
