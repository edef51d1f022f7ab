"""A recipe's networks in inference mode, in the current graph."""

from typing import Any
from typing import NamedTuple

from tfgan import recipes
from tfgan.graph import labels
from tfgan.graph import projected
from tfgan.graph.scope import keep_all
from tfgan.graph.scope import network_pass
from tfgan.tf1 import tf


class Networks(NamedTuple):
    """Both networks in inference mode: batch normalisation uses its moving averages, and dropout is off."""

    z: Any  # placeholder [N, z_dim]
    y: Any  # placeholder [N, classes]: the labels' one-hot vectors; None where the recipe is not conditional
    images: Any  # G(z, y), [N, h, w, c] in the recipe's value range
    logits: Any  # D's logits of these images, [N, 1]; with a projected D the means over its places; None where D is not built
    g_vars: Any  # all variables of G, including its moving averages
    d_vars: Any  # all variables of D, likewise


def build(recipe, seed, judge=True):
    """Builds the `Networks` of a recipe in the current graph, without optimisers and with z and y as the only inputs.

    seed: the run's, from which a projected D's fixed part follows. judge: whether to build D, too.
    """
    z = tf.placeholder(tf.float32, [None, recipe.z_dim], "z")
    y = None if recipe.conditional is None else tf.placeholder(tf.float32, [None, recipe.classes], "label")
    fake, g_vars = generator(recipe, z, y)
    if not judge:
        return Networks(z, y, fake, None, g_vars, [])
    normalized_kernels = {} if recipe.spectral_normalization else None
    settings = {"normalization": recipe.d_normalization or "batch", "normalized_kernels": normalized_kernels}
    if y is not None:
        settings["labels"] = labels.for_discriminator(recipe.conditional, y, recipe.classes)
    if recipe.projected:
        mixed = projected.projection_for(recipe, seed)(fake)
        logits, d_vars = _call(projected.discriminator, "discriminator", mixed, **settings)
        logits = tf.reduce_mean(logits, 1, keepdims=True)
    else:
        logits, d_vars = _call(recipes.model_module(recipe.model).discriminator, "discriminator", fake, **settings)
    return Networks(z, y, fake, logits, g_vars, d_vars)


def generator(recipe, z, y=None):
    """Builds G in the current graph: (G(z, y), all variables of G). Further calls share the variables.

    z: a tensor [N, z_dim]. y: as `labels.one_hot_of` has it, None where the recipe is not conditional. Uses the moving averages
    of G's variables if the recipe has them.
    """
    model, settings = recipes.model_module(recipe.model), {"averaged": recipe.g_average > 0}
    if y is not None:
        batch_norm = getattr(model, "G_BATCH_NORM", False)
        settings["labels"] = labels.for_generator(recipe.conditional, y, recipe.classes, batch_norm)
    return _call(model.generator, "generator", z, recipe.image_shape, **settings)


def z_epsilon(recipe):
    """The Z_EPSILON of a model whose G normalises z, as `latents.Noise` takes it. None where G takes z as it is."""
    return getattr(recipes.model_module(recipe.model), "Z_EPSILON", None)


def _call(network, scope, *arguments, **settings):
    with (
        network_pass(dropout_key=keep_all, update_averages=False, **settings) as this,
        tf.variable_scope(scope, reuse=tf.AUTO_REUSE, auxiliary_name_scope=False),
        tf.name_scope(scope),
    ):
        return network(*arguments, False), [v for row in this.layers for v in row[2]]
