"""What a run tells of itself before it trains: its data, its recipe, its layers."""

import json

from tfgan.common import images
from tfgan.common.command import in_shell


def describe(settings, batches, run, replicas):
    """Prints the data and the recipe's main numbers, and saves a grid of real images as out/RUN-real.png.

    batches: the `Batches` of the first replica; run: a `RunDir` that was started; replicas: how many train together.
    """
    recipe, shape = settings.recipe, batches.images.shape[1:]
    size = " x ".join(map(str, recipe.image_shape))
    print(f"Data: {recipe.dataset}, {batches.count:,} images of {' x '.join(map(str, shape))}, trained on as {size}")
    if recipe.conditional is not None:
        names = batches.classes.names
        listed = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
        print(f"Labels: {len(names)} classes ({listed}), by {recipe.conditional}")
    how = "as written" if settings.as_written else "fused" if replicas == 1 else f"fused, on {replicas} replicas"
    print(
        f"Recipe: {recipe.model}, batch {recipe.batch_size}, {batches.iterations:,} iterations ({how}), "
        f"z {recipe.z_dim} {recipe.z_distribution}, {recipe.optimizer} {recipe.learning_rate:g}, seed {settings.seed}"
    )
    real = batches.first_images(recipe.real_count or recipe.sample_count)
    real = images.preprocess_array(real, recipe.image_shape, recipe.value_range)
    path = run.save_picture("real", images.square_grid(images.to_uint8(real, recipe.value_range)))
    print(f"Saved {path}; TensorBoard: tensorboard --logdir {in_shell(settings.log_dir)}", flush=True)


def print_recipe(recipe):
    """Prints the recipe and both networks' layers. It builds the graph, trains nothing and writes nothing."""
    from tfgan.graph.gan import build  # here: a run's description needs no graph
    from tfgan.tf1 import tf

    with tf.Graph().as_default():
        gan = build(recipe)
    print(json.dumps(recipe.to_dict(), indent=2))
    g, g_fixed = _print_layers("Generator", gan.g_layers)
    everything = g + g_fixed + sum(_print_layers("Discriminator", gan.d_layers))
    print(f"\nG's update: {everything:,} parameters in all, {g:,} trained, {everything - g:,} fixed")


def _print_layers(title, rows):
    """Prints a network's layers. Returns the numbers of its parameters: (trainable, not trainable)."""
    print(f"\n{title:<32}{'output shape':<24}{'parameters':>12}")
    totals = [0, 0]
    for name, shape, variables in rows:
        sizes = [(v.shape.num_elements(), v.trainable) for v in variables]
        print(f"{name:<32}{tuple(shape)!s:<24}{sum(n for n, _ in sizes):>12,}")
        totals[0] += sum(n for n, trainable in sizes if trainable)
        totals[1] += sum(n for n, trainable in sizes if not trainable)
    print(f"{sum(totals):,} parameters: {totals[0]:,} trainable, {totals[1]:,} not trainable")
    return totals
