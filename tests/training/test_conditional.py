"""Conditional runs from beginning to end: what they write, that they go on, and how others begin with their networks."""

import itertools
import json

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import tfgan
from tests.conftest import TINY
from tests.conftest import assert_same_variables
from tests.conftest import own_pixels
from tests.conftest import random_images
from tests.conftest import saved_variables
from tests.conftest import small
from tests.distribution.test_distribute import losses
from tests.distribution.test_distribute import team
from tfgan.common import images
from tfgan.datasets.batches import Batches
from tfgan.datasets.labels import Classes
from tfgan.runs import manifests
from tfgan.tf1 import tf
from tfgan.training import steps
from tfgan.training.session import session_config

# how many of each digit the embedded set has, by UCI's description of it
DIGITS = {"0": 178, "1": 182, "2": 177, "3": 183, "4": 181, "5": 182, "6": 181, "7": 179, "8": 174, "9": 180}


def test_a_conditional_run_end_to_end(run, tmp_path):
    """Its classes in its config, a grid with a row for each, of the same noise, and D's loss of the classes as a chart."""
    status, out, err = run(*TINY, "--model=vanilla", "--iterations=11", "--conditional", "auxiliary", "--run=x", "--seed=4")
    assert (status, err) == (0, "")
    assert "Labels: 10 classes (0, 1, 2, 3, 4, 5, 6, 7, 8, 9), by auxiliary" in out
    logs = tmp_path / "logs" / "x"
    config = json.loads((logs / "config.json").read_text())
    assert config["classes"] == DIGITS
    assert (config["recipe"]["conditional"], config["recipe"]["classes"]) == ("auxiliary", 10)
    found = tfgan.find_run("x")
    assert found.classes == DIGITS
    assert manifests.class_names(found.checkpoints / "000011") == list(DIGITS)
    np.testing.assert_allclose(found.class_shares, [count / 1797 for count in DIGITS.values()])

    with tfgan.Sampler(found) as sampler:
        z = sampler.z(4, seed=4)
        rows = [sampler.images(z, [label] * 4) for label in range(10)]
    picture = np.asarray(Image.open(tmp_path / "out" / "x-000011.png"))
    times = picture.shape[0] // 280
    strip, tiles = np.split(picture, [picture.shape[1] - 4 * 28 * times], axis=1)
    assert (strip == 255).any(axis=1).all(), "a white strip with the names at the left"
    assert all((row < 100).any() for row in np.split(strip, 10)), "a name in each row"
    own = tiles[::times, ::times]
    np.testing.assert_array_equal(own.repeat(times, 0).repeat(times, 1), tiles)
    expected = np.concatenate([np.concatenate(list(row), axis=1) for row in rows])[..., 0]
    assert np.abs(own.astype(int) - expected).max() <= 1
    assert all((a != b).any() for a, b in itertools.pairwise(rows))

    lines = [json.loads(line) for line in (logs / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        parts = line["d_loss_real"] + line["d_loss_fake"] + line["d_class_loss"]
        assert line["d_loss"] == pytest.approx(parts, rel=1e-5)
    assert lines[0]["d_class_loss"] == pytest.approx(2 * np.log(10), rel=0.3)
    assert found.metrics()[-1]["d_class_loss"] == lines[-1]["d_class_loss"]
    events = EventAccumulator(str(logs), size_guidance={"scalars": 0}).Reload()
    values = [event.value for event in events.Scalars("loss/d_class_loss")]
    np.testing.assert_allclose(values, [line["d_class_loss"] for line in lines], rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["projection", "auxiliary"])
def test_continuing_equals_never_having_stopped(run, tmp_path, method):
    options = (*TINY, "--model=compact", "--conditional", method, "--d-steps=2", "--seed=2")
    assert run(*options, "--run=whole", "--iterations=13")[0] == 0
    for length in (5, 9, 13):
        status, out, _ = run(*options, "--run=parts", f"--iterations={length}")
        assert status == 0
    assert "Continuing parts from iteration 9 of 13" in out
    assert_same_variables(*(saved_variables(tmp_path / "logs" / name) for name in ("whole", "parts")))
    for grid in ("000010.png", "000013.png"):
        whole, parts = (np.asarray(Image.open(tmp_path / "out" / f"{name}-{grid}")) for name in ("whole", "parts"))
        np.testing.assert_array_equal(whole, parts)


@pytest.mark.slow
@pytest.mark.parametrize(("model", "method", "changes"), [
    ("vanilla", "projection", {}), ("mlp", "auxiliary", {"d_steps": 2, "g_average": 0.9}),
    ("mlp", "concat", {"penalty": "wgan-gp"}),
])  # fmt: skip
def test_two_replicas_train_as_one_would(model, method, changes):
    recipe = tfgan.recipe(model).replace(batch_size=7, subset=None, conditional=method, classes=3, **changes)
    data, found = random_images(recipe, 31), []
    of_images = np.random.default_rng(0).choice(3, 31, p=(0.6, 0.3, 0.1)).astype(np.int32)
    for replicas in (1, 2):
        together = team(replicas)
        classes = Classes(of_images, ("a", "b", "c"))
        with tf.Graph().as_default() as graph:
            parts = [Batches(data, recipe, 0, replica, together.count, classes) for replica in together.local]
            gan, measures = together.build(recipe, 0, parts, "float32")
            initialise, variables = tf.global_variables_initializer(), tf.global_variables()
            values = {v.op.name: list(getattr(v, "values", (v,))) for v in variables}
            with together.session(graph, session_config(recipe)) as session:
                session.run(initialise)
                together.broadcast(session, 0)
                _, step_measured = steps.fused(gan, measures)
                found.append(([step_measured(session, n, False) for n in range(10)], session.run(values)))
    (one, at_one), (several, at_two) = found
    np.testing.assert_allclose(losses(several), losses(one), rtol=2e-5, atol=2e-5)
    if method == "auxiliary":
        np.testing.assert_allclose(*([line["d_class_loss"] for line in lines] for lines in (several, one)), rtol=2e-5)
    for name, (first, second) in at_two.items():
        np.testing.assert_array_equal(first, second, err_msg=name)
        np.testing.assert_allclose(first, at_one[name][0], atol=1e-3 if model == "vanilla" else 2e-4, err_msg=name)


@pytest.mark.slow
def test_own_pictures_train_on_colour_with_the_names_of_their_folders(run, tmp_path):
    for n, image in enumerate(random_images(small("compact", "celeba"), 12)):
        folder = tmp_path / "pets" / ("cats", "dogs", "fish")[n % 3]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{n}.png")
    options = ("--model=compact", "--dataset=pets", "--batch-size=3", "--iterations=2", "--image-size=28", "--conditional")
    assert run(*options, "--run=own")[0] == 0
    config = json.loads((tmp_path / "logs" / "own" / "config.json").read_text())
    assert config["classes"] == {"cats": 4, "dogs": 4, "fish": 4}
    assert np.asarray(Image.open(tmp_path / "out" / "own-000002.png")).shape[0] % (3 * 28) == 0
    assert own_pixels(tmp_path / "out" / "own-real.png", 28 * 3).shape[2] == 3
    status, out, _ = run(*options, "--run=own", "--dry-run")
    assert json.loads(out[: out.index("\n\n")]) == config["recipe"]


@pytest.mark.slow
def test_a_run_begins_with_networks_of_its_own_kind_only(run, tmp_path):
    """What the other kind lacks, such as a class's scale and offset, would begin untrained."""
    options = (*TINY, "--model=compact", "--iterations=1")
    assert run(*options, "--run=without")[0] == run(*options, "--conditional", "--run=with")[0] == 0
    without, of_labels = (f"logs/{name}/checkpoints/000001" for name in ("without", "with"))
    status, _, err = run(*options, "--conditional", f"--init-from={without}", "--run=other")
    told = f"--init-from: {without} is of a run without labels; leave --conditional out, or give another checkpoint"
    assert (status, told in err, (tmp_path / "logs" / "other").exists()) == (2, True, False)
    status, _, err = run(*options, f"--init-from={of_labels}", "--run=other")
    told = f"--init-from: {of_labels} is of a conditional run; give --conditional, too, or give another checkpoint"
    assert (status, told in err) == (2, True)
    begins = (*options, "--learning-rate=1e-30", "--d-learning-rate=1e-30", "--run=other")
    assert run(*begins, "--conditional", f"--init-from={of_labels}")[0] == 0
    theirs, ours = (saved_variables(tmp_path / "logs" / name) for name in ("with", "other"))
    for name in ("generator/dense/kernel", "generator/batch_normalization/gamma", "discriminator/projection/kernel"):
        np.testing.assert_array_equal(theirs[name], ours[name])


@pytest.mark.slow
def test_as_written_is_the_tutorials_loop_with_labels(run, tmp_path):
    """A TF 1.x program of two alternating runs, written out here."""
    assert run("--model=vanilla", "--batch-size=8", "--iterations=3", "--as-written", "--conditional", "--run=x")[0] == 0
    recipe = tfgan.find_run("x").recipe
    data = tfgan.datasets.load_for(recipe, tmp_path)
    batches = Batches(data.images, recipe, 0)
    shares = np.array(list(DIGITS.values())) / 1797
    with tf.Graph().as_default(), tf.Session() as session:
        gan = tfgan.build(recipe)
        session.run(tf.global_variables_initializer())
        for i in range(3):
            real = images.preprocess_array(batches[i], recipe.image_shape, recipe.value_range)
            z, z_g = (np.random.default_rng([0, i, 1 + n]).uniform(-1, 1, (8, 100)) for n in (0, 1))
            y_fake, y_g = (np.random.default_rng([0, i, 13 + n]).choice(10, 8, p=shares) for n in (0, 1))
            y = data.labels[batches.indices(i)]
            session.run(gan.d_train_op, {gan.input_real: real, gan.input_y: y, gan.input_z: z, gan.input_y_fake: y_fake})
            session.run(gan.g_train_op, {gan.input_z_g: z_g, gan.input_y_g: y_g})
        expected = {v.op.name: session.run(v) for v in tf.global_variables()}
    assert_same_variables(saved_variables(tmp_path / "logs" / "x"), expected)
