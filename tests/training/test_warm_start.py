"""--init-from: checkpoints of TF 1.x programs written like the tutorials, in tf_keras's legacy layers and raw variables."""

import re

import numpy as np
import pytest
from tf_keras.src.legacy_tf_layers import convolutional as legacy_convolutional
from tf_keras.src.legacy_tf_layers import core as legacy_core
from tf_keras.src.legacy_tf_layers import normalization as legacy_normalization

import tfgan
from tests.conftest import TINY
from tests.conftest import saved_variables
from tests.conftest import small
from tfgan import recipes
from tfgan.errors import UserError
from tfgan.tf1 import tf
from tfgan.training import warm_start


def dcgan_program(z, images):
    """G's images in inference mode, and D's logits, as a TF 1.x program would have them; dropout left out."""

    def batch_normalization(x, training):
        return legacy_normalization.batch_normalization(x, training=training)

    with tf.variable_scope("generator"):
        x = tf.reshape(legacy_core.dense(z, 4 * 4 * 512), [-1, 4, 4, 512])
        x = tf.nn.relu(batch_normalization(x, False))
        x = legacy_convolutional.conv2d_transpose(x, 256, 4, strides=1, padding="valid")
        x = tf.nn.relu(batch_normalization(x, False))
        x = legacy_convolutional.conv2d_transpose(x, 128, 3, strides=2, padding="same")
        x = tf.nn.relu(batch_normalization(x, False))
        fake = tf.tanh(legacy_convolutional.conv2d_transpose(x, 1, 3, strides=2, padding="same"))
    with tf.variable_scope("discriminator"):
        x = tf.nn.leaky_relu(legacy_convolutional.conv2d(images, 128, 5, strides=2, padding="same"), 0.2)
        x = legacy_convolutional.conv2d(x, 256, 5, strides=2, padding="same")
        x = tf.nn.leaky_relu(batch_normalization(x, True), 0.2)
        x = legacy_convolutional.conv2d(x, 512, 5, strides=2, padding="same")
        x = tf.nn.leaky_relu(batch_normalization(x, True), 0.2)
        logits = legacy_core.dense(tf.reshape(x, [-1, 4 * 4 * 512]), 1)
    return fake, logits


def vanilla_program(z, images):
    """The vanilla tutorial's raw variables, without names of their own."""

    def pair(rows, columns):
        return tf.Variable(tf.zeros([rows, columns])), tf.Variable(tf.zeros([columns]))

    with tf.name_scope("Discriminator_variable"):
        d1, d2 = pair(784, 128), pair(128, 1)
    with tf.name_scope("Generator_variable"):
        g1, g2 = pair(100, 128), pair(128, 784)
    fake = tf.sigmoid(tf.nn.relu(z @ g1[0] + g1[1]) @ g2[0] + g2[1])
    hidden = tf.nn.relu(tf.reshape(images, [-1, 784]) @ d1[0] + d1[1])
    return tf.reshape(fake, [-1, 28, 28, 1]), hidden @ d2[0] + d2[1]


PROGRAMS = {"dcgan28": dcgan_program, "vanilla": vanilla_program}


def write_checkpoint(model, folder):
    """A checkpoint of the program's, all values random; (prefix, z, images, its fakes, its logits)."""
    rng = np.random.default_rng(0)
    z, images = rng.uniform(-1, 1, (5, 100)).astype(np.float32), rng.uniform(-1, 1, (5, 28, 28, 1)).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        fake, logits = PROGRAMS[model](tf.constant(z), tf.constant(images))
        with tf.name_scope("D_train"):
            tf.train.AdamOptimizer().minimize(tf.reduce_mean(logits))
        for variable in tf.global_variables():
            low = 0.5 if "variance" in variable.op.name else -0.1
            variable.load(rng.uniform(low, low + 0.2, variable.shape.as_list()), session)
        prefix = tf.train.Saver().save(session, str(folder / "model.ckpt"), 1000)
        return prefix, z, images, *session.run([fake, logits])


@pytest.mark.parametrize(("model", "as_folder"), [pytest.param("dcgan28", False, marks=pytest.mark.slow), ("vanilla", True)])
def test_a_tf1_programs_networks_compute_the_same_here(tmp_path, capsys, model, as_folder):
    """Images and logits agree to float32's rounding; D without dropout, as D's pass in inference does not exist."""
    prefix, z, images, fake, logits = write_checkpoint(model, tmp_path)
    recipe = small(model, "mnist")
    values = warm_start.read(tmp_path if as_folder else prefix, recipe)
    out = capsys.readouterr().out
    count = len(values)
    assert f"{count} of {count} variables of the networks" in out
    assert "begun as without it" not in out
    assert re.search(r"in it, and not used: .*D_train/beta1_power", out)
    with tf.Graph().as_default(), tf.Session() as session:
        gan = tfgan.build(recipe)
        session.run(tf.global_variables_initializer())
        warm_start.load(session, values)
        np.testing.assert_allclose(session.run(gan.samples, {gan.input_z: z}), fake, atol=2e-6)
        if model == "vanilla":
            got = session.run(gan.d_logits_real, {gan.input_real: images})
            np.testing.assert_allclose(got, logits, atol=2e-6)
        expected = {v.op.name: session.run(v) for rows in (gan.g_layers, gan.d_layers) for row in rows for v in row[2]}
    reader = tf.train.load_checkpoint(prefix)
    for name, value in expected.items():
        theirs = name if model == "dcgan28" else {ours: their for their, ours in tfgan.models.vanilla.TF1_NAMES.items()}[name]
        np.testing.assert_array_equal(value, reader.get_tensor(theirs), err_msg=name)


def test_what_does_not_match_is_listed(tmp_path, capsys):
    """A program in colour, without one layer's bias."""
    with tf.Graph().as_default(), tf.Session() as session:
        tf.get_variable("discriminator/conv2d/kernel", [5, 5, 3, 128])
        tf.get_variable("generator/dense/kernel", [100, 8192])
        tf.get_variable("encoder/dense/kernel", [3, 4])
        session.run(tf.global_variables_initializer())
        prefix = tf.train.Saver().save(session, str(tmp_path / "model"))
    values = warm_start.read(prefix, small("dcgan28", "mnist"))
    assert list(values) == ["generator/dense/kernel"]
    out = capsys.readouterr().out
    assert "not in it, so begun as without it: generator/dense/bias, generator/batch_normalization/gamma" in out
    shapes = "discriminator/conv2d/kernel ((5, 5, 3, 128) there, (5, 5, 1, 128) here)"
    assert f"of another shape, so begun as without it: {shapes}\n" in out
    assert "in it, and not used: discriminator/conv2d/kernel, encoder/dense/kernel\n" in out


@pytest.mark.slow
def test_nothing_that_matches_and_nothing_that_can_be_read(tmp_path):
    recipe = small("mlp", "mnist")
    with tf.Graph().as_default(), tf.Session() as session:
        session.run(tf.get_variable("weights", [2]).initializer)
        prefix = tf.train.Saver().save(session, str(tmp_path / "model"))
    with pytest.raises(UserError, match=r"fits mlp.*there are weights \(2,\).*here generator/dense/kernel"):
        warm_start.read(prefix, recipe)
    for path, content in (("absent", None), ("empty", "folder"), ("text", "no checkpoint")):
        if content == "folder":
            (tmp_path / path).mkdir()
        elif content:
            (tmp_path / path).write_text(content)
        with pytest.raises(UserError, match=rf"--init-from: \S*{path} is no checkpoint of tf.train.Saver") as error:
            warm_start.read(tmp_path / path, recipe)
        assert "\n" not in str(error.value)
    prefix, *_ = write_checkpoint("vanilla", tmp_path)
    data = tmp_path / "model.ckpt-1000.data-00000-of-00001"
    whole = data.read_bytes()
    for damaged in (whole[:1000], bytes(byte ^ 1 for byte in whole)):
        data.write_bytes(damaged)
        with pytest.raises(UserError, match="cannot be read from"):
            warm_start.read(prefix, small("vanilla", "mnist"))


def test_only_finite_floats_are_taken(tmp_path, capsys):
    names = {"generator/dense/kernel": (100, 128), "generator/dense/bias": (128,)}
    for kind, bias in (("whole numbers", np.ones(128, np.int64)), ("NaN", np.full(128, np.nan, np.float32))):
        with tf.Graph().as_default(), tf.Session() as session:
            for name, value in zip(names, (np.ones((100, 128), np.float64), bias), strict=True):
                tf.get_variable(name, initializer=value)
            session.run(tf.global_variables_initializer())
            prefix = tf.train.Saver().save(session, str(tmp_path / "model"))
        if kind == "NaN":
            with pytest.raises(UserError, match="generator/dense/bias holds NaN"):
                warm_start.read(f"{prefix}.index", small("vanilla", "mnist"))
        else:
            values = warm_start.read(f"{prefix}.index", small("vanilla", "mnist"))
            assert [(name, value.dtype) for name, value in values.items()] == [("generator/dense/kernel", np.float32)]


@pytest.mark.slow
def test_a_run_begun_so_goes_on_and_is_refused_otherwise(run, tmp_path):
    """From a TF1 program's checkpoint, and from a run's own; once it has a checkpoint of its own that one counts."""
    prefix, *_ = write_checkpoint("vanilla", tmp_path)
    options = ("--model", "vanilla", *TINY, "--learning-rate", "1e-30")
    assert run(*options, "--init-from", prefix, "--iterations", 2)[0] == 0
    reader = tf.train.load_checkpoint(prefix)
    kernel = reader.get_tensor("Generator_variable/Variable")
    saved = saved_variables(tmp_path / "logs" / "vanilla-digits")
    np.testing.assert_array_equal(saved["generator/dense/kernel"], kernel)
    assert saved["global_step"] == 2

    for path in tmp_path.glob("model.ckpt*"):
        path.unlink()
    status, out, _ = run(*options, "--init-from", prefix, "--iterations", 4)
    assert (status, "Continuing vanilla-digits from iteration 2 of 4" in out) == (0, True)
    status, _, err = run(*options, "--iterations", 5)
    assert (status, "init_from was '" in err) == (2, True)

    for place in ("checkpoints", "checkpoints/000004"):
        other = ("--run", place.replace("/", "-"), "--init-from", f"logs/vanilla-digits/{place}")
        assert run(*options, *other, "--iterations", 1)[0] == 0
        saved = saved_variables(tmp_path / "logs" / place.replace("/", "-"))
        np.testing.assert_array_equal(saved["generator/dense/kernel"], kernel)


@pytest.mark.slow
def test_the_moving_averages_begin_as_the_variables_do(run, tmp_path):
    """A G that is averaged from the start samples as the source's G does."""
    assert run(*TINY, "--model=mlp", "--iterations=2", "--run=a")[0] == 0
    source = tmp_path / "logs" / "a" / "checkpoints" / "000002"
    assert run(*TINY, "--model=mlp", "--iterations=1", "--run=b", "--g-average=0.5", "--init-from", source)[0] == 0
    assert (tmp_path / "out/a-000002.png").read_bytes() == (tmp_path / "out/b-000000.png").read_bytes()


def test_what_an_unfit_checkpoint_has(monkeypatch):
    """Of its variables and of the network's, five are named."""
    monkeypatch.setattr(warm_start, "_read_floats", lambda path: {f"v{n}": np.zeros(n) for n in range(8)})
    monkeypatch.setattr(warm_start, "_network_shapes", lambda recipe: {f"w{n}": (n,) for n in range(7)})
    with pytest.raises(UserError) as error:
        warm_start.read("a.ckpt", recipes.recipe("mlp"))
    assert str(error.value) == (
        "--init-from: nothing in a.ckpt fits mlp, neither by name and shape nor by its TF1_NAMES; there are v0 (0,), v1 (1,), "
        "v2 (2,), v3 (3,), v4 (4,) and so on, here w0, w1, w2, w3, w4 and so on; give another, or another --model"
    )
