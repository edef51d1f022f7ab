"""The pictures of a run in training, for out/ and for TensorBoard."""

import numpy as np

from tfgan.common import files
from tfgan.common import images
from tfgan.errors import Diverged
from tfgan.errors import UserError
from tfgan.errors import one_line
from tfgan.graph import noise
from tfgan.graph.noise import Stream
from tfgan.training import projector
from tfgan.training.hook import Fetch
from tfgan.training.hook import Hook


class GridHook(Hook):
    """Saves grids of samples, always of the same noise, and at the end the film, the figures and the projector's points.

    Where the recipe asks for it, it also saves the batch that was just trained on, fakes beside reals. Where a picture cannot be
    made, a warning says why, and training goes on.
    """

    def __init__(self, context):
        super().__init__(context)
        recipe, seed = context.recipe, context.settings.seed

        def noise_of(count, number):
            return noise.latent(recipe.z_distribution, [count, recipe.z_dim], noise.key(seed, number, Stream.Z_SAMPLE))

        rows, columns = recipe.grid_shape
        count = recipe.sample_count if recipe.conditional is None else columns
        self._class_names = () if recipe.conditional is None else context.batches.classes.names[:rows]
        points = max(1, min(projector.MOST, context.end * recipe.batch_size // 4))  # a short run has a short end
        self._z_of_grid, self._z_of_points = noise_of(count, 0), noise_of(points, 1)
        self._y_of_points = None
        if recipe.conditional is not None:
            key = noise.key(seed, 1, Stream.LABEL_SAMPLE)
            self._y_of_points = noise.labels(context.batches.classes.shares, [points], key)

    @staticmethod
    def interval(settings):
        return settings.sample_every

    @staticmethod
    def fetch(settings):
        return Fetch.BATCH if settings.recipe.show_pairs else Fetch.NOTHING

    def begin(self):
        self._z, self._y = self.context.session.run(self._z_of_grid), None
        if self._class_names:  # the same noise for each class
            rows, columns = self.context.recipe.grid_shape
            self._z, self._y = np.tile(self._z, [rows, 1]), np.repeat(np.arange(rows), columns)
        run, start = self.context.run, self.context.start
        if start == 0:
            self.context.board.picture("real", 0, run.picture_path("real"))
        elif (pair := run.picture_path(_pair(start))).exists():  # made before `start`, but its event counts from `start` on
            self.context.board.picture("fake_beside_real", start, pair)

    def before(self, iteration):
        self._save_grid(iteration)

    def _save_grid(self, iteration):
        """Saves the grid of samples after so many iterations. Returns whether that succeeded."""
        self.context.check_finite(iteration)
        rows_and_columns = self.context.recipe.grid_shape
        picture = images.enlarge(images.grid(self._samples(self._z, self._y), *rows_and_columns))
        if self._class_names:
            picture = images.name_rows(picture, self._class_names)
        if complete := self._save_picture("samples", iteration, iteration, picture):
            self.context.write(f"Saved {self.context.run.picture_path(iteration)}")
        return complete

    def _save_picture(self, tag, iteration, suffix, picture):
        """Saves a picture in out/ and for TensorBoard. Returns whether that succeeded."""
        run = self.context.run
        path = run.picture_path(suffix)
        if complete := self._attempt(path, lambda: run.save_picture(suffix, picture)):
            self.context.board.picture(tag, iteration, path)
        return complete

    def _attempt(self, what, make):
        """Calls make() and returns whether that succeeded. Warns, with the reason, if it failed."""
        try:
            make()
            return True
        except Diverged:
            raise
        except Exception as error:  # whatever a drawing library raises: no picture is worth a run that cannot end
            words = one_line(error) if isinstance(error, UserError) else f"{type(error).__name__}: {one_line(error)}"
            reason = files.describe_error(error) if isinstance(error, OSError) else words
            self.context.write(f"Warning: {what} could not be made ({reason}); training goes on without")
            return False

    def _samples(self, z, y):
        gan = self.context.gan
        return images.to_uint8(self.context.session.run(gan.samples, gan.feed_of(z, y)), self.context.recipe.value_range)

    def after(self, line, batch):
        done, value_range = line["iteration"] + 1, self.context.recipe.value_range
        grids = [images.square_grid(images.to_uint8(batch[name], value_range)) for name in ("fake", "real")]
        self._save_picture("fake_beside_real", done, _pair(done), images.side_by_side(*grids))

    def end(self):
        """Makes what a run ends with. Only if nothing is missing, the run is finished; otherwise the same command tries again."""
        complete = self._save_grid(self.context.end)
        complete &= self._attempt("the film or a figure", self._make_gallery)
        complete &= self._attempt("what TensorBoard's projector shows", self._write_projector)
        if complete:
            self.context.board.finish()
        else:
            self.context.write("The same command makes the pictures that are missing at the end, once the reason is mended.")

    def _make_gallery(self):
        from tfgan.view import gallery  # here: a run's start need not wait for matplotlib

        run = self.context.run
        gallery.make(run.name, run.out_dir, self.context.recipe, run.metrics(), self.context.batches.images)

    def _write_projector(self):
        context, recipe = self.context, self.context.recipe
        z, rows = context.session.run(self._z_of_points), recipe.batch_size  # training has memory for so many at a time
        y = [None] * len(z) if self._y_of_points is None else context.session.run(self._y_of_points)
        parts = [slice(row, row + rows) for row in range(0, len(z), rows)]
        fake = np.concatenate([self._samples(z[part], y[part]) for part in parts])
        real = images.preprocess_array(context.batches.first_images(len(fake)), recipe.image_shape, recipe.value_range)
        projector.write(context.run.logs, fake, images.to_uint8(real, recipe.value_range))


def _pair(done):
    """The suffix of the picture of the batch that was trained on last, after so many iterations."""
    return f"{done:06d}-pair"
