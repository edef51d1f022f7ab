"""The generator of a folder that `folder.write` made, for the page: a SavedModel, without tfgan's graphs."""

import json
import logging
import os
import threading
from typing import NamedTuple

import numpy as np

from tfgan.common import files
from tfgan.errors import UserError
from tfgan.explore import serving
from tfgan.sampling import latents
from tfgan.sampling import search
from tfgan.sampling.noise_search import NoiseSearch

ABOUT, MODEL, DIRECTIONS = "page.json", "model", "directions.npy"  # in the folder
_TOGETHER = 64  # images that are made at a time, and rows of noise


class Recipe(NamedTuple):
    """What the page needs to know of a recipe."""

    z_dim: int
    z_distribution: str  # "uniform" in [-1, 1), or "normal"
    image_shape: tuple  # (height, width, channels)


class Exported:
    """A source of generators, as the page takes them: the one of a folder (a Path)."""

    grows = False

    def __init__(self, folder):
        self._folder, self._generator, self._lock = folder, None, threading.Lock()
        about = json.loads((folder / ABOUT).read_text("utf-8"))
        self.name, self.about, self.seed, self._iteration = (about[key] for key in ("run", "about", "seed", "iteration"))
        self.recipe, self.class_names = Recipe(**about["recipe"]), tuple(about["classes"])
        self._noise = latents.Noise(self.recipe.z_distribution, about["z_epsilon"])

    def choices(self):
        """The one checkpoint: [(words, iteration)]."""
        return [(f"{self._iteration:,}", self._iteration)]

    def first(self):
        """(its iteration, "")."""
        return self._iteration, ""

    newest = first

    def open(self, _):
        """Its `Generator`."""
        with self._lock:
            if self._generator is None:
                self._generator = Generator(self._folder, self.recipe, self.class_names, self._noise)
            return self._generator


class Generator:
    """An exported generator, with the methods of a `tfgan.Sampler` that the page uses."""

    def __init__(self, folder, recipe, class_names, noise):
        from tfgan.tf1 import refuse_fork  # not at the top: TensorFlow's import takes long, and the page is shown before
        from tfgan.tf1 import tf2

        refuse_fork()
        logging.getLogger("absl").setLevel(logging.ERROR)  # it warns of gradients that nothing here asks for
        self.recipe, self.class_names, self.noise = recipe, class_names, noise
        self._tf2, self._refuse_fork = tf2, refuse_fork
        with files.plain_path(folder / MODEL / "saved_model") as path:
            self._loaded = tf2.saved_model.load(str(path))
        self._directions = np.load(folder / DIRECTIONS)
        whole = search.Generator(recipe.z_dim, recipe.z_distribution, len(class_names), self._images_of, self._loss_of)
        found = NoiseSearch(recipe, class_names, self._images_of_classes, whole)
        self.project, self.complete = found.project, found.complete

    def _run(self, signature, **inputs):
        """What a signature of the SavedModel makes of arrays: {name: array}."""
        self._refuse_fork()
        tensors = {name: self._tf2.constant(value) for name, value in inputs.items() if value is not None}
        return {name: tensor.numpy() for name, tensor in self._loaded.signatures[signature](**tensors).items()}

    def z(self, count, seed):
        """The first rows of the seed's noise, float32 [count, z_dim], as `Sampler.z`."""
        return self._drawn("z", count, seed)

    def labels(self, count, seed):
        """The first labels of the seed, int32 [count], as `Sampler.labels`; None where the run was not conditional."""
        return self._drawn("label", count, seed) if self.class_names else None

    def _drawn(self, name, count, seed):
        chunks = range(-(-count // _TOGETHER))
        return np.concatenate([self._run("noise", seed=np.int64(seed), chunk=np.int64(n))[name] for n in chunks])[:count]

    def images(self, z, shares=None):
        """z [N, z_dim] and the classes' shares float32 [N, classes] -> uint8 [N, h, w, c], as `Sampler.images`."""
        signature = "mixed" if self.class_names else "serving_default"

        def made(z, shares):
            return [self._run(signature, z=z, shares=shares)["uint8"]]

        return search.by_rows(made, _TOGETHER, z, shares)[0]

    def _images_of_classes(self, z, labels):
        return self.images(z, None if labels is None else np.eye(len(self.class_names), dtype=np.float32)[labels])

    def directions(self, count):
        """The directions of z that change the images most, float32 [count, z_dim], as `Sampler.directions`."""
        return self._directions[:count]

    def _images_of(self, z, labels):
        return self._run("serving_default", z=z, label=labels)["images"]

    def _loss_of(self, images, weights):
        def loss(z, labels, numbers):
            found = self._run("gradient", z=z, label=labels, images=images[numbers], weights=weights[numbers])
            return found["loss"], found["gradient"]

        return loss


def main(folder):
    """Serves the page of a folder (a Path) until a signal ends it. Returns the exit status.

    Gradio's own environment variables GRADIO_SERVER_NAME and GRADIO_SERVER_PORT say where, as they do for all its apps. An empty
    one says nothing. Raises UserError if the port is none.
    """
    host, port = (os.environ.get(f"GRADIO_SERVER_{name}", "").strip() for name in ("NAME", "PORT"))
    if port and not (port.isdecimal() and int(port) <= serving.LARGEST_PORT):
        raise UserError(f"GRADIO_SERVER_PORT is {port!r}; it must be a whole number from 0 to {serving.LARGEST_PORT}")
    source = Exported(folder)

    def build():
        from tfgan.explore import page  # imports Gradio

        return page.build(source)

    serving.serve(build, host or serving.HERE, int(port) if port else None)
    return 0
