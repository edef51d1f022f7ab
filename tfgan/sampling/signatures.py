"""The further signatures of a SavedModel: noise, mixtures of classes, and the gradient with which noise is searched for."""

from tfgan.graph import networks
from tfgan.graph import noise
from tfgan.graph.fast import products
from tfgan.sampling import inversion
from tfgan.sampling.inference import CHUNK
from tfgan.tf1 import tf

_ONLY = "; in saved_model only"


def build(recipe, class_shares):
    """Builds the signatures in the current graph: {signature: (its inputs, its outputs)}, both {name: tensor}.

    noise: seed and chunk, int64 scalars -> the 64 rows of `Sampler.z` from row 64 * chunk on, and the same of `Sampler.labels`.
    gradient: z, images, float32 [N, h, w, c] in [0, 1], and weights, float32 [N, h, w] (of conditional recipes label, too, int32
    [N]) -> loss [N], the mean squared difference of G's images from those given, by the weights of their pixels; gradient
    [N, z_dim], of the loss with respect to z; images, G's in [0, 1]. `search.search` finds z with them.
    mixed, of conditional recipes only: z and shares, float32 [N, classes] -> uint8, as `Sampler.images` with such labels.

    class_shares: each class's share of the data, [classes].
    """
    found = {"noise": _noise(recipe, class_shares), "gradient": _loss_and_gradient(recipe)}
    return found if recipe.conditional is None else found | {"mixed": _mixed(recipe)}


def describe(recipe):
    """{signature: what it takes and gives, in words}."""
    shape = f"[N, {', '.join(map(str, recipe.image_shape))}]"
    z, height, width = f"z: float32 [N, {recipe.z_dim}]", *recipe.image_shape[:2]
    given = f"{z}, images: float32 {shape} from 0 to 1, weights: float32 [N, {height}, {width}]"
    found = f"loss: float32 [N], gradient: float32 [N, {recipe.z_dim}], images: float32 {shape} from 0 to 1"
    rows = f"z: float32 [{CHUNK}, {recipe.z_dim}]"
    if recipe.conditional is None:
        return {"noise": f"seed: int64 [], chunk: int64 [] -> {rows}{_ONLY}", "gradient": f"{given} -> {found}{_ONLY}"}
    return {
        "noise": f"seed: int64 [], chunk: int64 [] -> {rows}, label: int32 [{CHUNK}]{_ONLY}",
        "gradient": f"{given}, label: int32 [N] -> {found}{_ONLY}",
        "mixed": f"{z}, shares: float32 [N, {recipe.classes}] -> uint8: uint8 {shape}{_ONLY}",
    }


def _noise(recipe, class_shares):
    inputs = {name: tf.placeholder(tf.int64, [], f"noise_{name}") for name in ("seed", "chunk")}
    key = noise.key(*inputs.values(), noise.Stream.Z_SAMPLE)
    outputs = {"z": noise.latent(recipe.z_distribution, [CHUNK, recipe.z_dim], key)}
    if recipe.conditional is not None:
        outputs["label"] = noise.labels(class_shares, [CHUNK], noise.key(*inputs.values(), noise.Stream.LABEL_SAMPLE))
    return inputs, outputs


def _loss_and_gradient(recipe):
    def end(name, shape, dtype=tf.float32):
        return tf.placeholder(dtype, [None, *shape], f"{name}_of_gradient")

    shape = recipe.image_shape
    inputs = {"z": end("z", [recipe.z_dim]), "images": end("images", shape), "weights": end("weights", shape[:2])}
    if recipe.conditional is not None:
        inputs["label"] = end("label", [], tf.int32)
    with products.native():
        made, _ = inversion.generator_in_unit_range(recipe, inputs["z"], inputs.get("label"))
        losses = inversion.pixel_losses(made, inputs["images"], inputs["weights"])
        (gradient,) = tf.gradients(losses, inputs["z"])
    return inputs, {"loss": losses, "gradient": gradient, "images": made}


def _mixed(recipe):
    inputs = {
        "z": tf.placeholder(tf.float32, [None, recipe.z_dim], "mixed_z"),
        "shares": tf.placeholder(tf.float32, [None, recipe.classes], "mixed_shares"),
    }
    with products.native():
        values, _ = networks.samples(recipe, *inputs.values())
    low, high = recipe.value_range
    levels = tf.round((tf.clip_by_value(values, low, high) - low) * (255.0 / (high - low)))
    return inputs, {"uint8": tf.cast(levels, tf.uint8)}
