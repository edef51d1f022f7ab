"""The Sampler: a run's grid again, rows that depend on nothing else, scores without dropout."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from tests.conftest import ancestors
from tests.conftest import network_variables
from tests.conftest import own_pixels
from tests.conftest import saved_variables
from tests.models.handmade import random_state
from tests.models.handmade import vanilla_images
from tests.models.handmade import vanilla_logits
from tests.models.handmade import vanilla_state
from tests.models.handmade import write_run
from tests.models.test_fastgan import Reference
from tfgan import datasets
from tfgan import export
from tfgan import recipes
from tfgan import sample
from tfgan.errors import UserError
from tfgan.graph.gan import build
from tfgan.graph.scope import AVERAGE
from tfgan.models import fastgan
from tfgan.runs import read
from tfgan.sampling import drawing
from tfgan.sampling import inference
from tfgan.sampling import latents
from tfgan.sampling import tasks
from tfgan.sampling.inference import CHUNK
from tfgan.sampling.inference import Sampler
from tfgan.tf1 import tf
from tfgan.tf1 import tf2


@pytest.mark.parametrize(
    "name", ["mlp-digits", "compact-pictures", "dcgan28-digits", pytest.param("fastgan-pictures", marks=pytest.mark.slow)]
)
def test_with_the_runs_seed_it_begins_with_the_runs_own_grid(request, name):
    """The pictures of the training graph's `samples` operation and of the graph made for use agree, in the same noise."""
    runs = request.getfixturevalue("fastgan_runs" if name.startswith("fastgan") else "runs")
    run = read.find_run(name, runs / "logs")
    with Sampler(run) as sampler:
        made = sampler.images(sampler.z(run.recipe.sample_count, run.seed))
    side = int(len(made) ** 0.5)
    grid = own_pixels(read.sample_grids(runs / "out", run.name)[4], side * run.recipe.image_shape[0])
    rows = [np.concatenate(list(made[row * side : (row + 1) * side]), axis=1) for row in range(side)]
    difference = np.abs(np.concatenate(rows).squeeze().astype(int) - grid)
    assert difference.max() <= 1, "levels; another batch size rounds otherwise"
    assert (difference == 0).mean() > 0.99
    assert grid.std() > 0.5


def test_a_rows_noise_and_image_depend_on_nothing_else(runs):
    with Sampler(read.find_run("mlp-digits", runs / "logs")) as sampler:
        z = sampler.z(3 * CHUNK + 5, seed=7)
        assert len(np.unique(z[:, 0])) == len(z)
        for first, count in ((0, 1), (CHUNK - 1, 2), (CHUNK, CHUNK), (100, 97), (5, 0)):
            np.testing.assert_array_equal(sampler.z(count, 7, first), z[first : first + count])
        assert np.isin(sampler.z(CHUNK, seed=8), z).mean() < 0.01, "another seed"
        made = sampler.images(z)
        for begin, end in ((0, 1), (60, 70), (CHUNK, 2 * CHUNK)):
            np.testing.assert_array_equal(sampler.images(z)[begin:end], made[begin:end])
        assert np.abs(sampler.images(z[60:70]).astype(int) - made[60:70]).max() <= 1


def test_scores_are_ds_logits_without_dropout(runs):
    """Of mlp: the network's layers in NumPy, from the checkpoint's arrays."""
    run = read.find_run("mlp-digits", runs / "logs")
    v = saved_variables(run.logs)
    with Sampler(run) as sampler:
        z = sampler.z(10, seed=1)
        scores, made = sampler.scores(z), sampler.images(z)
    x = made.reshape(10, -1) / 127.5 - 1  # rounded to 255 levels, hence the tolerance
    for name in ("dense", "dense_1"):
        y = x @ v[f"discriminator/{name}/kernel"] + v[f"discriminator/{name}/bias"]
        x = np.maximum(y, 0.2 * y)
    expected = x @ v["discriminator/dense_2/kernel"] + v["discriminator/dense_2/bias"]
    np.testing.assert_allclose(scores, expected[:, 0], atol=5e-3)
    assert scores.std() > 0.01


def test_dropout_and_averages_in_use(runs):
    """dcgan28, with dropout in D and averages in G: the same scores twice, no random numbers, no image that needs its batch."""
    run = read.find_run("dcgan28-digits", runs / "logs")
    with Sampler(run) as sampler:
        z = sampler.z(CHUNK, seed=1)
        np.testing.assert_array_equal(sampler.scores(z), sampler.scores(z))
        kinds = {op.type for op in ancestors([sampler._networks.logits.op])}
        one, several = sampler.images(z[:1]), sampler.images(z)
    assert "Conv2D" in kinds
    assert not [kind for kind in kinds if "Random" in kind]
    assert np.abs(one[0].astype(int) - several[0]).max() <= 1, "an image does not depend on its batch"


def test_fastgans_images_and_scores_depend_on_their_own_noise_alone(fastgan_run):
    """The images are those of its paper, by the averages of the weights: written a second time in eager TensorFlow 2."""
    averages = {name: x for name, x in saved_variables(fastgan_run.logs).items() if name.startswith("generator")}
    with Sampler(fastgan_run) as sampler:
        z = sampler.z(CHUNK + 6, seed=1)
        made, scores = sampler.values(z), sampler.scores(z)
        for begin, end in ((0, 1), (60, 70)):
            np.testing.assert_allclose(sampler.values(z[begin:end]), made[begin:end], atol=1e-4)
            np.testing.assert_allclose(sampler.scores(z[begin:end]), scores[begin:end], atol=1e-4)
    reference = Reference({name.removesuffix(AVERAGE): x for name, x in averages.items()})
    np.testing.assert_allclose(made[:8], reference(z[:8], 64, False), atol=1e-4)
    assert made.std(0).mean() > 0.1
    assert scores.std() > 0.01


def test_truncation_wherever_it_is_offered(fastgan_run):
    """Of a G that normalises its noise, too: images, the best of many, the steps of a way, and the strip of a direction."""
    with Sampler(fastgan_run) as sampler:
        whole, cut = (sampler.images(drawing.Source(3, psi).z(sampler, 16)).astype(int) for psi in (None, 0.05))
        limit = 0.1 * whole.std(0).mean()
        assert cut.std(0).mean() < limit
        source = drawing.Source(3, 0.05)
        assert sampler.images(drawing.best_of(sampler, source, None, 8, 2)[0]).std(0).mean() < limit
        assert drawing.interpolation(sampler, source, None, 2, 5).reshape(10, -1).std(0).mean() < limit
        (strip,) = tasks.strips(sampler, source, 1).astype(int)
    assert np.abs(strip[4] - cut[0]).max() <= 1
    assert (np.diff(np.abs(strip - strip[4]).mean((1, 2, 3))) > 0).tolist() == [False] * 4 + [True] * 4, "farther and farther"


def test_checkpoints_that_cannot_be_read(monkeypatch):
    def fail(folder):
        raise PermissionError(13, "Permission denied", "x/checkpoints")

    monkeypatch.setattr(inference.read, "checkpoint_iterations", fail)
    with pytest.raises(UserError, match="run a's checkpoints cannot be read: x/checkpoints: Permission denied"):
        inference.choose_checkpoint(SimpleNamespace(name="a", checkpoints="x"))


ITERATIONS = (2, 3, 7)


BEST = 3


@pytest.fixture(scope="module")
def states(tmp_path_factory):
    """{iteration: the variables' values}: each draws its images of other digits."""
    digits = datasets.load("digits", tmp_path_factory.mktemp("data"), datasets.Request((10, 10))).images.reshape(-1, 100) / 255
    rng = np.random.default_rng(0)
    return {n: vanilla_state(rng, 4, digits[128 * i : 128 * (i + 1)]) for i, n in enumerate(ITERATIONS)}


@pytest.fixture(scope="module")
def runs_by_hand(states, tmp_path_factory):
    """The folder of two runs with the same checkpoints: `averaged`, with spectral normalisation too, and `raw`, without both."""
    logs = tmp_path_factory.mktemp("logs")
    recipe = recipes.recipe("vanilla", "digits").replace(image_shape=(10, 10, 1), z_dim=4)
    write_run(logs / "averaged", recipe.replace(g_average=0.9, spectral_normalization=True), states, seed=5, best=BEST)
    write_run(logs / "raw", recipe, states, seed=5, best=BEST)
    return logs


def run_of(folder, name):
    return read.read_run(folder / name)


@pytest.mark.parametrize("name", ["averaged", "raw"])
def test_images_are_of_the_averages_where_the_run_has_them(runs_by_hand, states, name):
    """Of each checkpoint; the newest unless another is asked for."""
    for asked, iteration in ((None, 7), (2, 2), (3, 3), (7, 7)):
        with Sampler(run_of(runs_by_hand, name), asked) as sampler:
            assert sampler.iteration == iteration
            z = sampler.z(70, seed=1)
            found = sampler.values(z).reshape(70, 100)
        ours, theirs = (vanilla_images(states[iteration], z, averaged) for averaged in (name == "averaged", name == "raw"))
        np.testing.assert_allclose(found, ours, atol=1e-5)
        assert np.abs(found - theirs).mean() > 0.2, "the other ones' images are far from these"


@pytest.mark.parametrize("name", ["averaged", "raw"])
def test_ds_opinion_is_by_its_normalised_kernels_where_it_was_trained_with_them(runs_by_hand, states, name):
    with Sampler(run_of(runs_by_hand, name)) as sampler:
        z = sampler.z(70, seed=1)
        found = sampler.scores(z)
    x = vanilla_images(states[7], z, name == "averaged")
    ours, theirs = (vanilla_logits(states[7], x, spectral) for spectral in (name == "averaged", name == "raw"))
    np.testing.assert_allclose(found, ours, atol=1e-4)
    assert np.abs(found - theirs).mean() > 0.3, found - theirs
    assert found.std() > 0.05


def slopes(judge, x, steps, length):
    """The central differences of a logit in these directions, [len(steps)]. judge: images -> the logit of the first one."""
    return np.array([(judge(x + length * step) - judge(x - length * step)) / (2 * length) for step in steps])


@pytest.mark.parametrize("name", ["averaged", "raw"])
def test_ds_gradient_is_that_of_its_logits(runs_by_hand, states, name):
    """Of vanilla: beside the differences of a D in NumPy, in double precision, pixel by pixel."""
    with Sampler(run_of(runs_by_hand, name)) as sampler:
        x = sampler.values(sampler.z(5, seed=1))
        logits, gradient = sampler.gradient(x)
        np.testing.assert_array_equal(sampler.judge(x), logits)
        np.testing.assert_allclose(sampler.gradient(x[3:])[1], sampler.gradient(x[3:4])[1], atol=1e-6)

    def logit(pixels):
        return vanilla_logits(states[7], pixels.reshape(1, 100), name == "averaged")[0]

    np.testing.assert_allclose(logits, [logit(each.astype(float)) for each in x], atol=1e-4)
    expected = slopes(logit, x[0].reshape(100).astype(float), np.eye(100), 1e-6)
    np.testing.assert_allclose(gradient.reshape(100), expected, atol=1e-5)
    assert np.abs(expected).max() > 0.1


@pytest.mark.slow
def test_a_projected_d_has_none_of_its_models_batch_normalisation(fastgan_runs, monkeypatch):
    monkeypatch.setattr(fastgan, "TRAITS", dataclasses.replace(fastgan.TRAITS, d_batch_statistics=True))
    with Sampler(read.find_run("fastgan-pictures", fastgan_runs / "logs")) as sampler:
        assert not sampler.d_sees_batch


@pytest.mark.parametrize(
    "name", ["mlp-digits", "compact-pictures", "dcgan28-digits", pytest.param("fastgan-pictures", marks=pytest.mark.slow)]
)
def test_judged_images_have_their_scores_and_the_gradient_follows_the_logit(request, name):
    """The slopes are differences over 0.002, for which single precision is good to a thousandth. fastgan's D bends even there."""
    runs = request.getfixturevalue("fastgan_runs" if name.startswith("fastgan") else "runs")
    with Sampler(read.find_run(name, runs / "logs")) as sampler:
        z = sampler.z(CHUNK, seed=1)
        x = sampler.values(z)
        logits = sampler.judge(x)
        np.testing.assert_allclose(logits, sampler.scores(z), atol=1e-4 * max(1, np.abs(logits).max()))
        assert logits.std() > 1e-3
        assert sampler.d_sees_batch == (name == "dcgan28-digits")
        alone = np.concatenate([sampler.judge(x[n : n + 8])[:1] for n in range(4)])
        assert (np.abs(alone - logits[:4]).max() > 1e-3 * np.abs(logits).max()) == sampler.d_sees_batch
        batch = x[:8]
        _, gradient = sampler.gradient(batch)
        assert gradient.shape == x.shape[1:]
        rng = np.random.default_rng(0)
        steps = [gradient, *(np.sign(gradient) * rng.uniform(size=gradient.shape) for _ in range(3))]
        steps = [step / np.linalg.norm(step) for step in steps]

        def logit(image):
            return float(sampler.judge(np.concatenate([image[None].astype(np.float32), batch[1:]]))[0])

        tolerance = 0.05 if name.startswith("fastgan") else 0.005
        np.testing.assert_allclose(slopes(logit, batch[0], steps, 0.001), [(gradient * step).sum() for step in steps], tolerance)


def test_a_conditional_d_judges_an_image_as_one_of_its_class(tmp_path):
    recipe = recipes.recipe("mlp").replace(conditional="projection", classes=3)
    run = write_run(tmp_path / "run", recipe, {1: random_state(recipe)}, classes=dict.fromkeys("abc", 5))
    with Sampler(run) as sampler:
        z, labels = sampler.z(6, 1), np.int32([0, 1, 2, 0, 1, 2])
        x = sampler.values(z, labels)
        scores = sampler.scores(z, labels)
        np.testing.assert_allclose(sampler.judge(x, labels), scores, atol=1e-5)
        np.testing.assert_allclose(sampler.judge(x, np.eye(3, dtype=np.float32)[labels]), scores, atol=1e-5)
        other, gradient = sampler.gradient(x, labels[::-1])
        assert np.abs(other - scores).max() > 0.1
        assert np.abs(gradient - sampler.gradient(x, labels)[1]).max() > 1e-3
        with pytest.raises(UserError, match="labels must be 6 integers from 0 to 2"):
            sampler.judge(x, [3] * 6)


def test_nothing_is_judged_without_d(runs_by_hand, tmp_path):
    run = run_of(runs_by_hand, "raw")
    inference.save_generator(run, 7, tmp_path / "alone", run.config)
    with Sampler(read.read_run(tmp_path / "alone")) as sampler:
        x = sampler.values(sampler.z(2, seed=1))
        for method in (sampler.judge, sampler.gradient):
            with pytest.raises(UserError, match="alone is a generator without D, so nothing can be scored"):
                method(x)


@pytest.mark.slow
def test_ds_opinion_is_by_what_stands_in_place_of_its_batch_normalisation(tmp_path):
    """dcgan28's D, with layer normalisation, in plain convolutions; its images are the sampler's own."""
    recipe = recipes.recipe("dcgan28", "digits").replace(d_normalization="layer", z_dim=2)
    with tf.Graph().as_default():
        names = {v.op.name: v.shape.as_list() for v in network_variables(build(recipe))}
    rng = np.random.default_rng(0)
    values = {n: rng.standard_normal(shape, np.float32) / np.prod(shape[:-1]) ** 0.5 for n, shape in names.items()}
    values |= {name: 0.5 + rng.uniform(size=shape) for name, shape in names.items() if name.endswith(("gamma", "variance"))}
    with Sampler(write_run(tmp_path / "run", recipe, {1: values})) as sampler:
        z = sampler.z(6, seed=0)
        x, found = sampler.values(z), sampler.scores(z)
    for number, name in enumerate(("conv2d", "conv2d_1", "conv2d_2")):
        kernel, bias = (np.float32(values[f"discriminator/{name}/{part}"]) for part in ("kernel", "bias"))
        x = tf2.nn.conv2d(x, kernel, 2, "SAME").numpy() + bias
        if number:
            norm = ("", "layer_normalization", "layer_normalization_1")[number]
            x = (x - x.mean((1, 2, 3), keepdims=True)) / np.sqrt(x.var((1, 2, 3), keepdims=True) + 1e-3)
            x = x * values[f"discriminator/{norm}/gamma"] + values[f"discriminator/{norm}/beta"]
        x = np.maximum(x, 0.2 * x)
    expected = x.reshape(6, -1) @ values["discriminator/dense/kernel"] + values["discriminator/dense/bias"]
    np.testing.assert_allclose(found, expected[:, 0], atol=1e-4)
    assert found.std() > 0.01


@pytest.mark.parametrize(
    ("model", "dataset"), [("compact", "mnist"), pytest.param("fastgan", "dogs", marks=pytest.mark.slow)], ids=lambda name: name
)
def test_averages_of_batch_normalisation_too(tmp_path, graph, model, dataset):
    """The models of `--recipe best`: as the training graph makes its samples."""
    recipe = recipes.recipe(model, dataset).replace(penalty=None, projected=False)
    gan = build(recipe)
    rng = np.random.default_rng(0)
    variables = [*network_variables(gan), *gan.g_averages]
    values = {v.op.name: 0.1 + rng.uniform(-0.1, 1, v.shape.as_list()) for v in variables}
    values |= {name: value - 0.5 for name, value in values.items() if "kernel" in name}
    with Sampler(write_run(tmp_path / "run", recipe, {1: values})) as sampler:
        z = sampler.z(8, seed=0)
        found = sampler.values(z)
    with tf.Session() as session:
        for variable in variables:
            variable.load(values[variable.op.name], session)
        np.testing.assert_allclose(found, session.run(gan.samples, {gan.input_z: z}), atol=1e-4)
        for average, variable in zip(gan.g_averages, [v for row in gan.g_layers for v in row[2]], strict=True):
            average.load(values[variable.op.name], session)
        assert np.abs(found - session.run(gan.samples, {gan.input_z: z})).mean() > 0.05, "the raw ones make others"


@pytest.mark.parametrize(("options", "iteration", "seed"), [
    ((), 7, 5), (("--iteration", "best"), BEST, 5), (("--iteration", 2, "--seed", 6), 2, 6),
])  # fmt: skip
def test_the_sample_commands_images(runs_by_hand, states, command, options, iteration, seed):
    status, out, _ = command(sample)("--run", runs_by_hand / "averaged", "--format=npz", "--to=a.npz", "--count=70", *options)
    assert (status, out.splitlines()[0]) == (0, f"70 images of averaged, iteration {iteration}")
    made = np.load("a.npz")
    with Sampler(run_of(runs_by_hand, "raw")) as sampler:
        np.testing.assert_array_equal(made["z"], sampler.z(70, seed))
    expected = 255 * vanilla_images(states[iteration], made["z"], True).reshape(70, 10, 10, 1)
    assert np.abs(made["images"] - expected).max() < 0.51


def test_the_best_of_many_are_the_best_by_the_d_that_was_trained(runs_by_hand, states, command):
    options = ("--run", runs_by_hand / "averaged", "--format=npz", "--to=a.npz", "--count=5", "--best-of=8")
    assert command(sample)(*options)[0] == 0
    made = np.load("a.npz")
    with Sampler(run_of(runs_by_hand, "raw")) as sampler:
        z = sampler.z(40, seed=5)
    scores = vanilla_logits(states[7], vanilla_images(states[7], z, True), True)
    np.testing.assert_array_equal(made["z"], z[np.argsort(-scores)[:5]])
    np.testing.assert_allclose(made["scores"], np.sort(scores)[:-6:-1], atol=1e-4)


@pytest.mark.filterwarnings(r"ignore:\s*Warning. tf.lite.Interpreter is deprecated:UserWarning")
@pytest.mark.slow
def test_the_export_is_of_the_averages(runs_by_hand, states, command, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")  # as the command sets it; undone after the test
    options = ("--run", runs_by_hand / "averaged", "--to=new", "--format=savedmodel,tflite", "--iteration=best")
    status, out, err = command(export)(*options)
    assert status == 0, err
    with Sampler(run_of(runs_by_hand, "raw")) as sampler:
        z = sampler.z(70, seed=9)
    loaded = tf2.saved_model.load("new/saved_model").signatures
    inputs = {"serving_default": {"z": tf2.constant(z)}, "from_seed": {"seed": np.int64(9), "count": np.int64(70)}}
    made = [loaded[name](**{key: tf2.constant(x) for key, x in ends.items()}) for name, ends in inputs.items()]
    made.append(tf2.lite.Interpreter("new/model.tflite").get_signature_runner("serving_default")(z=z))
    expected = vanilla_images(states[BEST], z, True).reshape(70, 10, 10, 1)
    for each in made:
        np.testing.assert_allclose(each["images"], expected, atol=1e-5)
        assert np.abs(np.asarray(each["uint8"]) - 255 * expected).max() < 0.51


def test_directions_are_of_the_averaged_weights(runs_by_hand, states):
    kernel = states[7]["generator/dense/kernel/ExponentialMovingAverage"]
    with Sampler(run_of(runs_by_hand, "averaged")) as sampler:
        np.testing.assert_array_equal(sampler.directions(3), latents.strongest_directions(kernel, 4, 3))


def test_noise_moved_added_and_varied_by_the_sampler(runs_by_hand):
    """Of uniform noise, which stays from -1 to 1."""
    with Sampler(run_of(runs_by_hand, "averaged")) as sampler:
        a, b, c = (sampler.z(count, seed) for seed, count in enumerate((3, 1, 2)))
        np.testing.assert_allclose(sampler.arithmetic(a, b, c), (a.mean(0) - b[0] + c.mean(0)).clip(-1, 1), atol=1e-6)
        np.testing.assert_allclose(sampler.arithmetic(a, also_plus=c), (a.mean(0) + c.mean(0)).clip(-1, 1), atol=1e-6)
        assert np.abs(a.mean(0) - b[0] + c.mean(0) - (a.mean(0) + b[0] - c.mean(0))).max() > 0.1
        (way,) = sampler.directions(1)
        expected = [(a[0] + steps * 3**-0.5 * way).clip(-1, 1) for steps in (-1, 0.5)]
        np.testing.assert_allclose(sampler.move(a[0], way, [-1, 0.5]), expected, atol=1e-6)
        near, far = (sampler.neighbourhood(np.zeros(4), 200, 7, *amount) for amount in ((), (0.5,)))
        for around, amount in ((near, 0.25), (far, 0.5)):
            assert around[1:].std() == pytest.approx(amount * 3**-0.5, rel=0.1)
        assert (sampler.neighbourhood(np.zeros(4), 200, 8) != near)[1:].any()
