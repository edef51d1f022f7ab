"""The pictures of a run in training, for out/ and for TensorBoard."""

import numpy as np

from tfgan.common import images
from tfgan.graph import noise
from tfgan.graph.noise import Stream
from tfgan.training import projector


class Pictures:
    """Makes and writes a run's pictures. Made while its graph is being built; nothing it does draws a batch."""

    def __init__(self, gan, recipe, batches, seed):
        def noise_of(count, number):
            return noise.latent(recipe.z_distribution, [count, recipe.z_dim], noise.key(seed, number, Stream.Z_SAMPLE))

        self._gan, self._recipe, self._batches = gan, recipe, batches
        points = min(projector.MOST, batches.iterations * recipe.batch_size // 4)  # a short run has a short end
        self._z_of_grid, self._z_of_points = noise_of(recipe.sample_count, 0), noise_of(max(1, points), 1)

    def open(self, session, run, board):
        """Begins in a session whose variables have their values; run: a `RunDir`; board: a `summaries.Board`."""
        self._session, self._run, self._board = session, run, board
        self._z = session.run(self._z_of_grid)

    def real(self):
        """The grid of real images that lies in out/, for TensorBoard."""
        self._board.picture("real", 0, self._run.out_dir / f"{self._run.name}-real.png")

    def grid(self, iteration):
        """The grid of samples, always of the same noise; its path."""
        path = self._run.save_picture(iteration, images.square_grid(self._samples(self._z)))
        self._board.picture("samples", iteration, path)
        return path

    def pair(self, iteration, fake, real):
        """A batch as it was just trained on, fakes beside reals, both [N, h, w, c] in the recipe's value range."""
        pair = images.side_by_side(*(images.square_grid(images.to_uint8(x, self._recipe.value_range)) for x in (fake, real)))
        self._board.picture("fake_beside_real", iteration, self._run.save_picture(f"{iteration:06d}-pair", pair))

    def end(self):
        """What a run ends with: film and figures, and the projector's points."""
        from tfgan.view import gallery  # here: a run's start need not wait for matplotlib

        gallery.make(self._run.name, self._run.out_dir, self._recipe, self._run.metrics(), self._batches.images)
        z, rows = self._session.run(self._z_of_points), self._recipe.batch_size  # at a time: what training has memory for
        fake = np.concatenate([self._samples(z[first : first + rows]) for first in range(0, len(z), rows)])
        real = images.preprocess_array(self._batches.first_images(len(fake)), self._recipe.image_shape, self._recipe.value_range)
        projector.write(self._run.logs, fake, images.to_uint8(real, self._recipe.value_range))

    def _samples(self, z):
        made = self._session.run(self._gan.samples, {self._gan.input_z: z})
        return images.to_uint8(made, self._recipe.value_range)
