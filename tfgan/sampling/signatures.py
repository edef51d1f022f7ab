"""The further signatures that a SavedModel has for the page of `python -m tfgan.explore --to`: noise, mixtures, gradients."""

from tfgan.graph import noise
from tfgan.graph import products
from tfgan.sampling import inversion
from tfgan.sampling.inference import CHUNK
from tfgan.sampling.networks import generator
from tfgan.tf1 import tf


def build(recipe, class_shares):
    """Builds the signatures in the current graph: {signature: (its inputs, its outputs)}, both {name: tensor}.

    noise: seed and chunk, int64 scalars -> the 64 rows of `Sampler.z` from row 64 * chunk on, and the same of `Sampler.labels`.
    gradient: z, targets in [0, 1] and weights (and label) -> `inversion.pixel_losses` and their gradient with respect to z.
    mixed, of conditional recipes only: z and shares, float32 [N, classes] -> uint8, as `Sampler.images` with such labels.

    class_shares: each class's share of the data, [classes].
    """
    found = {"noise": _noise(recipe, class_shares), "gradient": _gradient(recipe)}
    return found if recipe.conditional is None else found | {"mixed": _mixed(recipe)}


def describe(recipe):
    """{signature: what it takes and gives, in words}."""
    shape = f"[N, {', '.join(map(str, recipe.image_shape))}]"
    z, height, width = f"z: float32 [N, {recipe.z_dim}]", *recipe.image_shape[:2]
    given = f"{z}, targets: float32 {shape} from 0 to 1, weights: float32 [N, {height}, {width}]"
    found = f"losses: float32 [N], gradient: float32 [N, {recipe.z_dim}]"
    rows = f"z: float32 [{CHUNK}, {recipe.z_dim}]"
    if recipe.conditional is None:
        return {"noise": f"seed: int64 [], chunk: int64 [] -> {rows}", "gradient": f"{given} -> {found}"}
    return {
        "noise": f"seed: int64 [], chunk: int64 [] -> {rows}, label: int32 [{CHUNK}]",
        "gradient": f"{given}, label: int32 [N] -> {found}",
        "mixed": f"{z}, shares: float32 [N, {recipe.classes}] -> uint8: uint8 {shape}",
    }


def _noise(recipe, class_shares):
    inputs = {name: tf.placeholder(tf.int64, [], f"noise_{name}") for name in ("seed", "chunk")}
    key = noise.key(*inputs.values(), noise.Stream.Z_SAMPLE)
    outputs = {"z": noise.latent(recipe.z_distribution, [CHUNK, recipe.z_dim], key)}
    if recipe.conditional is not None:
        outputs["label"] = noise.labels(class_shares, [CHUNK], noise.key(*inputs.values(), noise.Stream.LABEL_SAMPLE))
    return inputs, outputs


def _gradient(recipe):
    inputs = {
        "z": tf.placeholder(tf.float32, [None, recipe.z_dim], "gradient_z"),
        "targets": tf.placeholder(tf.float32, [None, *recipe.image_shape], "gradient_targets"),
        "weights": tf.placeholder(tf.float32, [None, *recipe.image_shape[:2]], "gradient_weights"),
    }
    label = None
    if recipe.conditional is not None:
        label = inputs["label"] = tf.placeholder(tf.int32, [None], "gradient_label")
    with products.native():
        made, _ = inversion.generator_in_unit_range(recipe, inputs["z"], label)
    losses = inversion.pixel_losses(made, inputs["targets"], inputs["weights"])
    (gradient,) = tf.gradients(losses, inputs["z"])
    return inputs, {"losses": losses, "gradient": gradient}


def _mixed(recipe):
    inputs = {
        "z": tf.placeholder(tf.float32, [None, recipe.z_dim], "mixed_z"),
        "shares": tf.placeholder(tf.float32, [None, recipe.classes], "mixed_shares"),
    }
    with products.native():
        values, _ = generator(recipe, *inputs.values())
    low, high = recipe.value_range
    levels = tf.round((tf.clip_by_value(values, low, high) - low) * (255.0 / (high - low)))
    return inputs, {"uint8": tf.cast(levels, tf.uint8)}
