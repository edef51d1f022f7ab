"""From images back to noise, and images with holes filled, for a `Sampler`."""

from tfgan.sampling import search
from tfgan.sampling.inversion import Inversion
from tfgan.sampling.noise_search import NoiseSearch


class Inverter(NoiseSearch):
    """Searches for the noise behind images.

    sampler: the `Sampler` whose images are searched. values: arrays of all variables of its G, in the order of `networks.build`.
    """

    def __init__(self, sampler, values):
        recipe, self._inversion = sampler.recipe, Inversion(sampler.recipe, values)
        about = recipe.z_dim, recipe.z_distribution, len(sampler.class_names)
        generator = search.Generator(*about, self._inversion.images, self._inversion.loss_of)
        super().__init__(recipe, sampler.class_names, sampler.images, generator)

    def close(self):
        """Frees the session."""
        self._inversion.close()
