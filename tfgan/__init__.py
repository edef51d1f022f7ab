"""Five well-known GAN tutorials in TensorFlow 1.x style, on today's TensorFlow.

    from tfgan.tf1 import tf
    with tf.Graph().as_default():
        gan = tfgan.build(tfgan.recipe("dcgan28"), seed=0)

    with tfgan.Sampler(tfgan.pretrained("mnist")) as sampler:  # or tfgan.find_run("mlp-digits")
        images = sampler.images(sampler.z(16, seed=0))
"""

import importlib

from tfgan.errors import UserError

__version__ = "0.1.0"

# Imported when first used, so that `--help` and the reading of recipes need not wait for TensorFlow.
_LAZY = {
    "Gan": "graph.gan",
    "Recipe": "recipes",
    "Sampler": "sampling.inference",
    "build": "graph.gan",
    "find_run": "runs.read",
    "pretrained": "runs.pretrained",
    "recipe": "recipes",
}

__all__ = ["Gan", "Recipe", "Sampler", "UserError", "build", "find_run", "pretrained", "recipe"]


def __getattr__(name):
    if name in _LAZY:
        return getattr(importlib.import_module(f"tfgan.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'tfgan' has no attribute {name!r}")
