"""How fast training is."""

from tfgan.training.hooks.hook import Hook


class SpeedHook(Hook):
    """Adds the real images that were trained on in a second, since the line before, to each line of metrics."""

    def begin(self):
        self._counted, self._seconds = self.context.start, 0.0

    def figures(self, iteration):
        recipe, seconds = self.context.recipe, self.context.stopwatch.seconds()
        images = (iteration + 1 - self._counted) * recipe.d_steps * recipe.batch_size
        rate = images / (seconds - self._seconds)
        self._counted, self._seconds = iteration + 1, seconds
        return {"images_per_second": rate}
