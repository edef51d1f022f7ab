"""The generators of a run's checkpoints, for the page. TensorFlow is imported when the first one is opened."""

import collections
import functools
import threading
from typing import NamedTuple

import numpy as np

from tfgan import datasets
from tfgan.common import images
from tfgan.datasets import classes
from tfgan.errors import UserError
from tfgan.explore.history import History
from tfgan.runs import manifests
from tfgan.runs import read

_OPEN = 3  # how many generators stay in memory
_REAL = 32  # real images
_FACTS = ("model", "dataset_name", "z_dim", "z_distribution", "image_shape")  # of a recipe, which the page shows or is built for


class Real(NamedTuple):
    """Real images to look at beside samples."""

    images: np.ndarray  # uint8 [N, h, w, c], of the model's size
    labels: np.ndarray | None  # int32 [N], their classes; None where the run is not conditional
    note: str  # why there are none, in a line, or ""


class Generators:
    """The source of a page's generators: the checkpoints of a run, which may still be training.

    run: a `read.SavedRun`. iteration: that of the checkpoint to begin with; None means the newest. out_dir: where the run's
    pictures are, a Path; None where there are none. data_dir: the `places.DataDir` where its training images are; None where they
    are not asked for. Raises UserError if there is no such checkpoint.

    name: the run's. about: what it is, in a line. recipe, class_names and seed: the run's. grows: whether there may be more of
    them later, as there never are of a generator that came without D. history: what the run has left of its training, a
    `history.History`; None if that is nothing.
    """

    def __init__(self, run, iteration=None, out_dir=None, data_dir=None):
        self._run, self._first, self._data_dir = run, iteration, data_dir
        self._opened, self._lock = collections.OrderedDict(), threading.Lock()
        self.name, self.recipe, self.class_names, self.seed = run.name, run.recipe, tuple(run.classes), run.seed
        self._facts = _facts(run)
        self.about, self.grows = run.about, run.has_discriminator
        history = out_dir and History(run.logs, run.name, out_dir)
        self.history = history if history and history.moments() else None
        self.newest()
        iterations = read.checkpoint_iterations(run.checkpoints)
        if iteration is not None and iteration not in iterations:
            listed = ", ".join(map(str, iterations))
            raise UserError(f"run {run.name} has no checkpoint of iteration {iteration}; it has those of {listed}")

    def choices(self):
        """The checkpoints that there are now, newest first: [(words, iteration)]."""
        iterations = read.checkpoint_iterations(self._run.checkpoints)
        best = read.read_best(self._run.checkpoints)
        marks = {iterations[-1]: "newest"} if iterations and self.grows else {}
        if best and best["iteration"] in iterations:
            marks[best["iteration"]] = ", ".join(filter(None, (marks.get(best["iteration"]), f"best {best['metric']}")))
        return [(f"{n:,} ({marks[n]})" if n in marks else f"{n:,}", n) for n in reversed(iterations)]

    def newest(self):
        """(the iteration of the newest whole checkpoint, a line about newer ones that are not, or ""). Raises UserError."""
        notes = []
        iteration = manifests.newest_whole(self._run.checkpoints, notes.append)
        if iteration is None:
            raise read.no_checkpoint(self._run)
        return iteration, "; ".join(notes)

    def first(self):
        """(the iteration to begin with, a line about it if it is another than the user expects, or ""). Raises UserError."""
        if self._first in read.checkpoint_iterations(self._run.checkpoints):
            return self._first, ""
        iteration, note = self.newest()
        if self._first is not None:
            note = f"the checkpoint of iteration {self._first} is no longer kept; this is that of {iteration}"
        return iteration, note

    def open(self, iteration):
        """The `tfgan.Sampler` of a checkpoint. Raises UserError if it is gone or damaged, or if the page is for another recipe.

        The last few stay open. A run that is being trained may remove their files meanwhile. A run that was started over has
        other checkpoints of the same iterations, with other manifests; they are opened anew.
        """
        with self._lock:  # TensorFlow is imported, and a checkpoint loaded, once
            manifest = self._manifest(iteration)
            before, sampler = self._opened.get(iteration, (None, None))
            if sampler is None or manifest not in (None, before):
                from tfgan.sampling.inference import Sampler

                run = self._run if manifest is None else self._run_now()
                sampler, before = Sampler(run, iteration), manifest
            self._opened[iteration] = before, sampler
            self._opened.move_to_end(iteration)
            if len(self._opened) > _OPEN:  # not closed: another tab of the browser may be using it
                self._opened.popitem(last=False)
            return sampler

    @functools.cached_property
    def real(self):
        """`Real` training images of the run, evenly spaced, loaded when they are first asked for.

        Nothing is fetched, but they may be packed again, which may take long.
        """
        recipe, sha256 = self.recipe, self._run.config.get("data_sha256")
        try:
            data = datasets.find_training_images(recipe, sha256, self._data_dir, (self._data_dir, self._run.logs.parent))
            if data is None:
                raise UserError(datasets.other_images(recipe, self._data_dir))
            if self.class_names and (data := classes.with_classes(data, recipe)).label_names != self.class_names:
                raise UserError(f"the labels in {self._data_dir} are not those of the run; give their folder with --data-dir")
        except UserError as error:
            note = f"There are no real images here: {error}."
            return Real(np.zeros([0, *recipe.image_shape], np.uint8), None, note)
        rows = images.evenly_spaced(_REAL, len(data.images))
        pictures = images.preprocess_array(data.images[rows], recipe.image_shape, (0.0, 255.0))
        return Real(images.to_uint8(pictures, (0.0, 255.0)), data.labels[rows] if self.class_names else None, "")

    def _manifest(self, iteration):
        """The content of a checkpoint's manifest, or None if it cannot be read. `Sampler` then says why."""
        try:
            return (self._run.checkpoints / f"{iteration:06d}" / manifests.NAME).read_bytes()
        except OSError:
            return None

    def _run_now(self):
        """The run as it is now. Raises UserError if it was started over with a recipe that the page does not fit."""
        run = read.read_run(self._run.logs)._replace(name=self.name)
        if _facts(run) != self._facts:
            different = f"run {self.name} was started over with another recipe or other images"
            raise UserError(f"{different}; end this page with Ctrl-C, and open it again")
        return run


def _facts(run):
    return run.seed, [*run.classes], run.config.get("data_sha256"), [getattr(run.recipe, name) for name in _FACTS]
