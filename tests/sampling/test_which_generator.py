"""The networks in use are those that were trained: of the chosen checkpoint, G's averages where it has them, D as it was.

A run by hand, whose G's own weights and their moving averages make very different images; both are computed in NumPy.
"""

import numpy as np
import pytest

from tests.conftest import network_variables
from tests.models.handmade import vanilla_images
from tests.models.handmade import vanilla_logits
from tests.models.handmade import vanilla_state
from tests.models.handmade import write_run
from tfgan import datasets
from tfgan import export
from tfgan import recipes
from tfgan import sample
from tfgan.graph.gan import build
from tfgan.runs import saved
from tfgan.sampling.inference import Sampler
from tfgan.tf1 import tf
from tfgan.tf1 import tf2

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
    return saved.read_run(folder / name)


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
