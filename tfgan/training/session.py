"""What a training session is configured with."""

from tfgan import recipes
from tfgan.tf1 import tf

LOSS_SCALE = 2.0**10  # of --mixed-precision: what `gan.build` multiplies losses by, so that float16 holds small gradients


def session_config(recipe, xla=False, mixed_precision=False, as_written=False):
    """The `tf.ConfigProto` for a session that trains this recipe's model.

    xla and mixed_precision act on GPUs alone. as_written: without the model's own number of threads.
    """
    config = tf.ConfigProto()
    config.gpu_options.allow_growth = True  # takes GPU memory as it needs it, so that other programs can use the same GPU
    if not as_written:  # 0: as many threads as there are cores
        config.intra_op_parallelism_threads = getattr(recipes.model_module(recipe.model), "THREADS_PER_OPERATION", 0)
    if xla:
        config.graph_options.optimizer_options.global_jit_level = tf.OptimizerOptions.ON_1
    if mixed_precision:
        rewrites = config.graph_options.rewrite_options
        rewrites.auto_mixed_precision = rewrites.ON
    return config


def config_for(settings):
    """The `tf.ConfigProto` of a run with these `Settings`."""
    hardware = settings.hardware
    return session_config(settings.recipe, hardware.xla, hardware.mixed_precision, settings.as_written)


def loss_scale(settings):
    """What `gan.build` multiplies losses by, in a run with these `Settings`."""
    return LOSS_SCALE if settings.hardware.mixed_precision else 1.0
