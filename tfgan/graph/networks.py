"""A recipe's G and D, called: one at a time for training, both in inference mode for sampling, G alone for exports.

The variables of G are in the variable scope `generator`, those of D in `discriminator`. All calls in one graph share them.
"""

from typing import NamedTuple

from tfgan import recipes
from tfgan.errors import UserError
from tfgan.graph import labels
from tfgan.graph import projected
from tfgan.graph.scope import keep_all
from tfgan.graph.scope import network_pass
from tfgan.tf1 import tf


class Networks(NamedTuple):
    """Both networks in inference mode: batch normalisation uses its moving averages, and dropout is off."""

    z: tf.Tensor  # placeholder [N, z_dim]
    y: tf.Tensor | None  # placeholder [N, classes]: the labels' one-hot vectors; None where the recipe is not conditional
    images: tf.Tensor  # G(z, y), [N, h, w, c] in the recipe's value range
    logits: tf.Tensor | None  # D's, [N, 1]; with a projected D the means over its places; None where D is not built
    g_vars: list  # all variables of G, including its moving averages
    d_vars: list  # all variables of D, likewise


def generator(recipe, z, y, training, name, **settings):
    """G(z, y): (images [N, h, w, c] in the recipe's value range, the `scope.Pass`).

    z: [N, z_dim].
    y: class numbers, int32 [N], or one-hot vectors, float32 [N, classes]; None where the recipe is not conditional.
    training: whether batch normalisation uses the statistics of the batch.
    name: of the name scope. settings: of the pass.
    Raises UserError if the model's images have another shape than the recipe's.
    """
    model = recipes.model_module(recipe.model)
    if y is not None:
        settings["labels"] = labels.for_generator(recipe.conditional, y, recipe.classes, model.TRAITS.g_batch_norm)
    images, this = _call(model.generator, "generator", name, (z, recipe.image_shape, training), settings)
    if (shape := tuple(images.shape[1:].as_list())) != recipe.image_shape:
        theirs, ours = (" x ".join(map(str, each)) for each in (shape, recipe.image_shape))
        raise UserError(f"{recipe.model} makes images of {theirs}, but image_shape is {ours}; make them equal")
    return images, this


def discriminator(recipe, x, y, training, name, kernels, **settings):
    """D(x, y): (logits, the `scope.Pass`). Logits are [N, 1], with a projected D [N, places].

    x: images [N, h, w, c] in the recipe's value range, with a projected D what `projected.Projection` makes of them.
    kernels: a dict that the passes with the same weights share, so that spectral normalisation normalises each kernel once.
    y, training, name, settings: see `generator`.
    """
    network = projected.discriminator if recipe.projected else recipes.model_module(recipe.model).discriminator
    settings["normalization"] = recipe.d_normalization or "batch"
    settings["normalized_kernels"] = kernels if recipe.spectral_normalization else None
    if y is not None:
        settings["labels"] = labels.for_discriminator(recipe.conditional, y, recipe.classes)
    return _call(network, "discriminator", name, (x, training), settings)


def samples(recipe, z, y=None, seed=0, name="generator"):
    """G(z, y) in inference mode: (images [N, h, w, c] in the recipe's value range, the `scope.Pass`).

    The pass uses the moving averages of G's variables if the recipe has them. seed: of the initial values. y: see `generator`.
    """
    return generator(recipe, z, y, False, name, seed=seed, averaged=recipe.g_average > 0, **_INFERENCE)


def inference(recipe, seed, judge=True):
    """Builds the `Networks` of a recipe in the current graph, without optimisers and with z and y as the only inputs.

    seed: the run's, from which a projected D's fixed part follows. judge: whether to build D, too.
    """
    z = tf.placeholder(tf.float32, [None, recipe.z_dim], "z")
    y = None if recipe.conditional is None else tf.placeholder(tf.float32, [None, recipe.classes], "label")
    images, g_pass = samples(recipe, z, y)
    if not judge:
        return Networks(z, y, images, None, g_pass.variables, [])
    x = projected.projection_for(recipe, seed)(images) if recipe.projected else images
    logits, d_pass = discriminator(recipe, x, y, False, "discriminator", {}, **_INFERENCE)
    if recipe.projected:
        logits = tf.reduce_mean(logits, 1, keepdims=True)
    return Networks(z, y, images, logits, g_pass.variables, d_pass.variables)


_INFERENCE = {"dropout_key": keep_all, "update_averages": False}


def _call(network, scope, name, arguments, settings):
    with (
        network_pass(**settings) as this,
        tf.variable_scope(scope, reuse=tf.AUTO_REUSE, auxiliary_name_scope=False),
        tf.name_scope(name),
    ):
        return network(*arguments), this
