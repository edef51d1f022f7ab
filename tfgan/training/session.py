"""What a training session is configured with."""

from tfgan import recipes
from tfgan.errors import UserError
from tfgan.tf1 import gpus
from tfgan.tf1 import tf


def session_config(recipe, xla=False, float16=False, as_written=False):
    """The `tf.ConfigProto` for a session that trains this recipe's model.

    xla and float16 act on GPUs alone. as_written: without the model's own number of threads.
    """
    config = tf.ConfigProto()
    config.gpu_options.allow_growth = True  # takes GPU memory as it needs it, so that other programs can use the same GPU
    if not as_written:  # 0: as many threads as there are cores
        config.intra_op_parallelism_threads = recipes.model_module(recipe.model).TRAITS.threads_per_operation
    if xla:
        config.graph_options.optimizer_options.global_jit_level = tf.OptimizerOptions.ON_1
    if float16:
        rewrites = config.graph_options.rewrite_options
        rewrites.auto_mixed_precision = rewrites.ON
    return config


def config_for(settings):
    """The `tf.ConfigProto` of a run with these `Settings`. Raises UserError for a penalty in float16."""
    hardware = settings.hardware
    float16 = number_format(hardware) == "float16"
    if float16 and settings.recipe.penalty is not None:  # bfloat16 has the range for it, which float16 lacks
        raise UserError("--mixed-precision and --penalty: float16 cannot hold a gradient's gradient; leave one of them out")
    return session_config(settings.recipe, hardware.xla, float16, settings.as_written)


def number_format(hardware):
    """The one of `precision.FORMATS` that a run on this `Hardware` computes in. Ask after TensorFlow has its devices."""
    if not hardware.mixed_precision:
        return "float32"
    return "float16" if gpus() else "bfloat16"
