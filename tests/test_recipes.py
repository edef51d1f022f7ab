"""The tutorials' numbers, typed in a second time; the networks' parameter counts; the Recipe class."""

import dataclasses
import pathlib

import pytest

import tfgan
from tests.conftest import RECIPES
from tests.conftest import every_recipe
from tfgan import recipes
from tfgan.datasets import DATASETS
from tfgan.graph.scope import network_pass
from tfgan.tf1 import tf
from tfgan.training import options

# trainable parameters of D; of G; all parameters, batch normalisation's averages included
PARAMETERS = {
    ("vanilla", "mnist"): (100_609, 114_064, 214_673),
    ("mlp", "mnist"): (267_009, 1_952_528, 2_219_537),
    ("dcgan28", "mnist"): (4_109_825, 3_222_785, 7_332_610 + 2 * (512 + 256 + 128) + 2 * (256 + 512)),
    ("dcgan28", "celeba"): (4_116_225, 3_225_091, 7_341_316 + 2 * (512 + 256 + 128) + 2 * (256 + 512)),
    ("dcgan64", "mnist"): (11_034_368, 12_656_512, 23_690_880 + 2 * (1024 + 512 + 256 + 128) + 2 * (256 + 512 + 1024)),
    ("dogs", "dogs"): (25_901_953, 9_647_875, 35_566_212),
}

# what the sources say, field by field
NUMBERS = {
    ("vanilla", "mnist"): dict(
        image_shape=(28, 28, 1), splits=("train",), subset=(5_000, 60_000), value_range=(0, 1), z_dim=100,
        z_distribution="uniform", z_of_g="fresh", batch_size=128, last_batch="join", iterations=10_000, epochs=None,
        learning_rate=1e-3, beta1=0.9, smooth=0, sample_count=16,
    ),
    ("mlp", "mnist"): dict(
        image_shape=(28, 28, 1), splits=("train",), subset=(0, 50_000), value_range=(-1, 1), z_dim=96,
        z_distribution="uniform", z_of_g="same", batch_size=128, last_batch="keep", iterations=None, epochs=10,
        learning_rate=3e-4, beta1=0.5, smooth=0, sample_count=16,
    ),
    ("dcgan28", "mnist"): dict(
        image_shape=(28, 28, 1), splits=("train",), subset=None, value_range=(-1, 1), z_dim=100, z_distribution="uniform",
        z_of_g="same", batch_size=64, last_batch="drop", iterations=None, epochs=2, learning_rate=1e-3, beta1=0.5,
        smooth=0.1, sample_count=25, real_count=16,
    ),
    ("dcgan28", "celeba"): dict(
        image_shape=(28, 28, 3), subset=None, value_range=(-1, 1), z_dim=100, z_distribution="uniform", z_of_g="same",
        batch_size=32, last_batch="drop", iterations=None, epochs=1, learning_rate=1e-3, beta1=0.4, smooth=0.1,
        sample_count=25, real_count=9,
    ),
    ("dcgan64", "mnist"): dict(
        image_shape=(64, 64, 3), splits=("train", "test"), subset=None, value_range=(-1, 1), z_dim=100,
        z_distribution="normal", z_of_g="same", batch_size=64, last_batch="fill", order_seed=1, iterations=None, epochs=1,
        learning_rate=2e-4, beta1=0.5, smooth=0, sample_count=64, show_pairs=True,
    ),
    ("dogs", "dogs"): dict(
        image_shape=(64, 64, 3), subset=None, value_range=(-1, 1), z_dim=1000, z_distribution="uniform", z_of_g="fresh",
        d_sees_inference=True, d_loss_weight=0.5, batch_size=64, last_batch="drop", iterations=None, epochs=65,
        learning_rate=2e-4, beta1=0.5, smooth=0, sample_count=64,
    ),
}  # fmt: skip


# recipes of no tutorial: mlp on the embedded digits, and the best recipes
_DIGITS = NUMBERS["mlp", "mnist"] | dict(subset=None, batch_size=64, iterations=8_000, epochs=None)
_BEST = dict(
    image_shape=(28, 28, 1), value_range=(-1, 1), z_dim=64, z_distribution="normal", z_of_g="same", batch_size=64,
    last_batch="join", iterations=5_000, learning_rate=8e-3, d_learning_rate=1e-3, beta1=0.5, penalty="r1", penalty_weight=1,
    g_average=0.998, sample_count=64,
)  # fmt: skip
_PHOTOS = _BEST | dict(learning_rate=4e-3, penalty=None, g_average=0.99)
_FASTGAN = dict(
    image_shape=(64, 64, 3), value_range=(-1, 1), z_dim=128, z_distribution="normal", z_of_g="same", batch_size=64,
    last_batch="join", flip=True, iterations=7_500, learning_rate=1.6e-3, d_learning_rate=4e-4, beta1=0, beta2=0.99,
    loss="hinge", projected=True, spectral_normalization=True, augment=("translation",), g_average=0.998, sample_count=64,
)  # fmt: skip
OTHERS = {
    ("mlp", "digits"): _DIGITS,
    ("compact", "mnist"): _BEST,
    ("compact", "celeba"): _PHOTOS | dict(image_shape=(28, 28, 3), iterations=4_000),
    ("compact", "dogs"): _PHOTOS | dict(image_shape=(64, 64, 3), iterations=3_000, flip=True),
    ("fastgan", "dogs"): _FASTGAN,
    ("fastgan", "celeba"): _FASTGAN,
}
# all other fields: TensorFlow's Adam, the whole training set, and no remedy; fields that are newer have their defaults
PLAIN = dict(
    splits=("train",), subset=None, d_sees_inference=False, flip=False, order_seed=None, epochs=None, iterations=None,
    optimizer="adam", beta2=0.999, epsilon=1e-8, smooth=0, d_loss_weight=1, real_count=None, show_pairs=False,
    loss="non-saturating", weight_clip=None, penalty=None, penalty_weight=10, d_normalization=None,
    spectral_normalization=False, d_steps=1, d_learning_rate=None, learning_rate_half_life=None, instance_noise=0,
    instance_noise_half_life=None, augment=(), projected=False, projection_seed=None, g_average=0, conditional=None, classes=None,
    label_attributes=(),
)  # fmt: skip


@pytest.mark.parametrize(("model", "dataset"), [*NUMBERS, *OTHERS], ids=["-".join(pair) for pair in [*NUMBERS, *OTHERS]])
def test_every_field_of_every_recipe(model, dataset):
    """The recipe's numbers are those of the source, typed in a second time."""
    numbers = (NUMBERS | OTHERS)[model, dataset]
    defaults = {field.name: field.default for field in dataclasses.fields(recipes.Recipe)}
    expected = {**defaults, **PLAIN, **numbers, "model": model, "dataset": dataset}
    assert dataclasses.asdict(tfgan.recipe(model, dataset)) == expected


def test_what_an_option_leaves_out():
    """The default of Adam's beta1, and the learning rate of --optimizer sgd, which is that of the dogs' source."""
    assert {field.name: field.default for field in dataclasses.fields(recipes.Recipe)}["beta1"] == 0.9
    of = options.parser().parse_args
    assert options.settings(of(["--dataset=dogs", "--optimizer=sgd"])).recipe.learning_rate == 5e-4
    assert options.settings(of(["--dataset=dogs", "--optimizer=sgd", "--learning-rate=0.1"])).recipe.learning_rate == 0.1
    assert options.settings(of(["--dataset=dogs", "--optimizer=adam"])).recipe.learning_rate == 2e-4


@pytest.mark.parametrize(("dataset", "model", "best"), [
    ("digits", "mlp", None), ("mnist", "dcgan28", "compact"), ("celeba", "dcgan28", "fastgan"), ("dogs", "dogs", "fastgan")
])  # fmt: skip
def test_a_data_sets_own_model(dataset, model, best):
    """As in the README's table of commands."""
    of = options.parser().parse_args
    assert options.settings(of([f"--dataset={dataset}"])).recipe == tfgan.recipe(model, dataset)
    if best is not None:
        assert options.settings(of([f"--dataset={dataset}", "--recipe=best"])).recipe == tfgan.recipe(best, dataset)


def test_the_best_recipe_for_your_own_pictures(tmp_path):
    """64x64, or a size that they are to have."""
    (tmp_path / "pets").mkdir()
    of = options.parser().parse_args
    arguments = [f"--dataset={tmp_path / 'pets'}", "--recipe=best"]
    dogs = tfgan.recipe("fastgan", "dogs")
    assert options.settings(of(arguments)).recipe == dogs.replace(dataset=str(tmp_path / "pets"))
    assert options.settings(of([*arguments, "--image-size=128"])).recipe.image_shape == (128, 128, 3)
    assert options.settings(of([*arguments[:1], "--image-size=256"])).recipe.model == "fastgan"


@every_recipe
def test_parameter_counts(model, dataset, graph):
    """The networks have as many parameters as the source says, or as its layers add up to."""
    gan = tfgan.build(tfgan.recipe(model, dataset))
    d, g, everything = PARAMETERS[model, dataset]

    def count(variables):
        return sum(v.shape.num_elements() for v in variables)

    assert count(gan.d_vars) == d
    assert count(gan.g_vars) == g
    rows = [v for layer in (*gan.d_layers, *gan.g_layers) for v in layer[2]]
    assert count(rows) == everything


def test_tables_leave_no_model_out():
    files = pathlib.Path(recipes.__file__).parent.glob("models/*.py")
    assert sorted(recipes.MODELS) == sorted(path.stem for path in files if path.stem != "__init__")
    assert {model for model, _ in RECIPES} == set(recipes.TUTORIALS)
    every = {(m, d) for m in recipes.MODELS for d in recipes.model_module(m).RECIPES}
    assert every == NUMBERS.keys() | OTHERS.keys()
    tutorials = {(m, d) for m in recipes.TUTORIALS for d in recipes.model_module(m).RECIPES if d != "digits"}
    assert tutorials == set(RECIPES) == set(NUMBERS) == set(PARAMETERS)
    for info in DATASETS.values():
        assert info.model in recipes.MODELS


@pytest.mark.parametrize("model", recipes.MODELS)
@pytest.mark.parametrize("dataset", DATASETS)
def test_every_model_takes_every_data_set(model, dataset):
    recipe = tfgan.recipe(model, dataset)
    assert (recipe.model, recipe.dataset) == (model, dataset)
    assert recipe.image_shape[2] == max(tfgan.recipe(model).image_shape[2], DATASETS[dataset].channels)


@pytest.mark.parametrize("model", recipes.MODELS)
def test_which_part_of_a_data_set_is_trained_on(model, tmp_path):
    """Fashion-MNIST's is the one that the tutorial takes of MNIST. Other data sets have one split, which is taken whole."""
    all_of_train = (("train",), None, None)
    of_mnist = {
        "vanilla": (("train",), (5_000, 60_000), None), "mlp": (("train",), (0, 50_000), None),
        "dcgan64": (("train", "test"), None, 1),
    }.get(model, all_of_train)  # fmt: skip
    for dataset in (*DATASETS, str(tmp_path)):
        recipe = tfgan.recipe(model, dataset)
        expected = of_mnist if dataset in ("mnist", "fashion-mnist") else all_of_train
        assert (recipe.splits, recipe.subset, recipe.order_seed) == expected, dataset


def test_rows_and_columns_of_the_sample_grid():
    """Without labels a square; with them a row for each of the first ten classes."""
    recipe = tfgan.recipe("mlp").replace(sample_count=25)
    assert recipe.grid_shape == (5, 5)
    for classes, rows in ((2, 2), (9, 9), (10, 10), (11, 10), (120, 10)):
        assert recipe.replace(conditional="concat", classes=classes).grid_shape == (rows, 5)


def test_json_and_back():
    for pair in RECIPES:
        recipe = tfgan.recipe(*pair)
        assert recipes.Recipe.from_dict(recipe.to_dict()) == recipe
    fields = tfgan.recipe("mlp").to_dict()
    with pytest.raises(tfgan.UserError, match="momentum"):
        recipes.Recipe.from_dict({**fields, "momentum": 1})
    del fields["z_dim"]
    with pytest.raises(tfgan.UserError, match="z_dim"):
        recipes.Recipe.from_dict(fields)


def test_one_length_displaces_the_other():
    assert (tfgan.recipe("mlp").replace(iterations=5).iterations, tfgan.recipe("mlp").replace(iterations=5).epochs) == (5, None)
    assert tfgan.recipe("vanilla").replace(epochs=3).iterations is None
    with pytest.raises(tfgan.UserError, match="exactly one"):
        tfgan.recipe("mlp").replace(iterations=5, epochs=5)


def test_a_run_has_an_iteration_also_where_its_epochs_have_fewer_batches_than_d_takes():
    recipe = tfgan.recipe("vanilla").replace(batch_size=10, epochs=1, d_steps=5, last_batch="drop")
    assert [recipe.total_iterations(images) for images in (10, 49, 99, 100)] == [1, 1, 1, 2]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("batch_size", 0), ("z_dim", 0), ("z_dim", -3), ("epochs", 0), ("iterations", -1), ("learning_rate", 0.0),
        ("learning_rate", float("nan")), ("beta1", 1.0), ("beta1", -0.1), ("smooth", 1.0), ("optimizer", "adamw"),
        ("g_average", 1.0), ("g_average", -0.5), ("last_batch", "pad"), ("z_of_g", "other"), ("z_distribution", "gauss"),
    ],
)  # fmt: skip
def test_values_out_of_range_are_refused_by_name(field, value):
    with pytest.raises(tfgan.UserError, match=field) as error:
        tfgan.recipe("mlp").replace(**{field: value})
    assert str(value) in str(error.value)


def test_unknown_names_are_refused():
    with pytest.raises(tfgan.UserError, match="lerning_rate"):
        tfgan.recipe("mlp").replace(lerning_rate=1)
    with pytest.raises(tfgan.UserError, match="dcgan29.*vanilla, mlp"):
        tfgan.recipe("dcgan29")
    with pytest.raises(tfgan.UserError, match="mnits.*mnist"):
        tfgan.recipe("mlp", "mnits")


@pytest.mark.parametrize(
    ("model", "dataset", "shape", "words"),
    [
        ("compact", "mnist", (30, 30, 1), "compact makes images of 28 x 28 x 1, but image_shape is 30 x 30 x 1; make them equal"),
        ("dcgan64", "mnist", (60, 60, 3), "dcgan64 makes images of 64 x 64 x 3, but image_shape is 60 x 60 x 3"),
        ("dcgan28", "mnist", (28, 32, 1), "dcgan28 makes images of 28 x 28 x 1, but image_shape is 28 x 32 x 1"),
        ("dogs", "dogs", (32, 32, 3), "dogs makes images of 64 x 64 x 3, but image_shape is 32 x 32 x 3"),
    ],
)
def test_images_of_another_shape_than_the_models_are_refused(graph, model, dataset, shape, words):
    with pytest.raises(tfgan.UserError, match=words):
        tfgan.build(recipes.recipe(model, dataset).replace(image_shape=shape))


@pytest.mark.parametrize(("side", "g", "d"), [
    (28, [[64, 7 * 7 * 32], [4, 4, 16, 32], [4, 4, 3, 16]], [[4, 4, 3, 16], [4, 4, 16, 32], [4, 4, 32, 128], [4 * 4 * 128, 1]]),
    (
        64, [[64, 8 * 8 * 64], [4, 4, 32, 64], [4, 4, 16, 32], [4, 4, 3, 16]],
        [[4, 4, 3, 16], [4, 4, 16, 32], [4, 4, 32, 64], [4, 4, 64, 128], [4 * 4 * 128, 1]],
    ),
])  # fmt: skip
def test_compacts_layers_at_each_size(side, g, d, graph):
    """Its kernels in turn: each halving of the side doubles the channels, from 16 on."""
    compact = recipes.model_module("compact")
    with network_pass(0), tf.variable_scope("g"):
        images = compact.generator(tf.zeros([1, 64]), (side, side, 3), True)
    with network_pass(0), tf.variable_scope("d"):
        compact.discriminator(images, True)
    for scope, expected in (("g/", g), ("d/", d)):
        kernels = [v for v in tf.trainable_variables(scope) if v.op.name.endswith("/kernel")]
        assert [v.shape.as_list() for v in kernels] == expected


@pytest.mark.parametrize("model", ["vanilla", "mlp", "compact"])
@pytest.mark.slow
def test_sizes_that_a_model_makes(model):
    """Dense layers make any size; compact makes those that halving brings to 8 or less without a remainder."""
    for side in (10, 28, 30, 42, 64, 96):
        with tf.Graph().as_default():
            if model == "compact" and side in (30, 42):
                words = f"--image-size is {side}, but compact makes no images of that size; take 28"
                with pytest.raises(tfgan.UserError, match=words):
                    recipes.resized(recipes.recipe(model, "mnist"), side)
            else:
                gan = tfgan.build(recipes.resized(recipes.recipe(model, "mnist"), side))
                assert gan.fake.shape.as_list() == gan.input_real.shape.as_list() == [None, side, side, 1]
