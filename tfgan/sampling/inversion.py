"""From images back to noise, and images with holes filled: G's distance from images, and its gradient, for the search."""

import time
from typing import NamedTuple

import numpy as np

from tfgan.common.images import to_uint8
from tfgan.errors import UserError
from tfgan.graph import efficientnet
from tfgan.graph import layers
from tfgan.graph import networks
from tfgan.sampling import latents
from tfgan.sampling import search
from tfgan.tf1 import Session
from tfgan.tf1 import tf

NETWORK = "lite2"  # not lite0, which has judged the images of a projected D in training
_STAGES = 3  # of the network, from the finest on
_SHARE = 0.02  # of the features' distance: photos become sharper, and their pixels hardly less alike
_STARTS, _POOL = 3, 256  # of `follow`: how many random images it starts from, the nearest ones of how many


class Projected(NamedTuple):
    """The noise of each image, and what G makes of it."""

    z: np.ndarray  # float32 [N, z_dim]
    images: np.ndarray  # uint8 [N, h, w, c]
    errors: np.ndarray  # float32 [N], the mean absolute error of the pixels that count, from 0 to 1
    labels: np.ndarray | None  # int32 [N], the classes: the user's, or the nearest; None where the run is not conditional


class Inversion:
    """Searches for the noise behind images, with a graph and a session of its own.

    sampler: the `Sampler` whose images are searched. values: the arrays of all variables of its G, in the order of
    `networks.samples`. Where images are in colour, and the extra `features` is installed, the distance is that of the pixels
    and of the `features`; otherwise that of the pixels.
    """

    def __init__(self, sampler, values):
        self.recipe, self._sampler = sampler.recipe, sampler
        height, width, channels = self.recipe.image_shape
        low, high = self.recipe.value_range
        with tf.Graph().as_default() as graph:
            self._z = tf.placeholder(tf.float32, [None, self.recipe.z_dim])
            self._y = None if self.recipe.conditional is None else tf.placeholder(tf.int32, [None])
            self._targets = tf.placeholder(tf.float32, [None, *self.recipe.image_shape])
            self._weights = tf.placeholder(tf.float32, [None, height, width])
            output, g_pass = networks.samples(self.recipe, self._z, self._y)
            self._images = (output - low) / (high - low)
            losses, self._features = pixel_losses(self._images, self._targets, self._weights), None
            self._losses = self._pixel_losses = [losses, *tf.gradients(losses, self._z)]
            if channels == 3 and efficientnet.is_installed(NETWORK):
                network, counts = efficientnet.Network(NETWORK), tf.cast(self._weights > 0, tf.float32)
                self._features = features(network, self._targets, counts)
                self._of_targets = tf.placeholder(tf.float32, self._features.shape)
                difference = features(network, self._images, counts) - self._of_targets
                losses += _SHARE * tf.reduce_sum(difference**2, 1)
                self._losses = [losses, *tf.gradients(losses, self._z)]
            graph.finalize()
        self._session = Session(graph=graph, config=tf.ConfigProto(gpu_options=tf.GPUOptions(allow_growth=True)))
        values = {variable.initializer.inputs[1]: value for variable, value in zip(g_pass.variables, values, strict=True)}
        self._session.run([variable.initializer for variable in g_pass.variables], values)
        self._random = {}  # label, or None -> the random images of `follow`

    def close(self):
        """Frees the session."""
        self._session.close()

    def project(self, images, seed=0, labels=None, mask=None, show=None):
        """The z whose images are nearest to images uint8 [N, h, w, c], of the model's shape: a `Projected`.

        seed: of the starts. labels: int [N], the classes of a conditional run's images; None means that each class is tried.
        mask: bool [N, h, w] or [h, w], True where the images count; None means everywhere. show(step, steps, images): called now
        and then with what G makes of the best noise so far, uint8 [N, h, w, c].

        Where the distance is small, the images may be pictures that G makes; where it is not, they are the nearest of the search.
        The result does not depend on how many images there are. Raises UserError if an argument does not fit the run.
        """
        images = self._checked_images(images)
        mask = np.ones(images.shape[:3], bool) if mask is None else _checked_mask(mask, images)
        if not mask.any((1, 2)).all():
            raise UserError("the mask leaves nothing of an image that counts; it must be True somewhere")
        return self._search(images, mask, seed, labels, show)

    def complete(self, images, mask, seed=0, labels=None, show=None):
        """Fills a hole in images: a `Projected`, whose images are the user's outside the hole, and G's, blended, inside.

        After Yeh et al. 2017, arXiv:1607.07539, without their two other terms, which have not helped here: D's logit, and weights
        that are larger near the hole. mask: bool [N, h, w] or [h, w], True in the hole. The other arguments are those of
        `project`. errors are those of G's images outside the hole. Raises UserError if an argument does not fit the run.
        """
        images = self._checked_images(images)
        hole = _checked_mask(mask, images)
        if not hole.any((1, 2)).all():
            raise UserError("the mask has no hole to fill; it must be True (white) somewhere")
        if hole.all((1, 2)).any():
            raise UserError("the mask is all hole; it must be False (black) where the image is known")
        result = self._search(images, ~hole, seed, labels, show)
        return result._replace(images=np.stack([blend(*each) for each in zip(images, result.images, hole, strict=True)]))

    def follow(self, image, latest=None, label=None, seconds=0.04):
        """Goes on with the search for an image that is changing, as one being drawn is: a `Projected` of one row.

        image: uint8 [h, w, c]. latest: (z [z_dim], label) found last, of an earlier state of the image, or None. label: the class
        of a conditional run's image; None means any. seconds: how long the search goes on; it takes one step at least. Besides
        `latest` it starts from the nearest of some random images, so that it can leave what the image no longer shows. The
        distance is that of the pixels alone. Raises UserError if an argument does not fit the run.
        """
        (image,) = self._checked_images(image[None])
        z, labels, images = self._random_images(label, search.rows_of(image[None]))
        target = np.float32(image) / 255
        nearest = ((images - target) ** 2).sum((1, 2, 3)).argsort()[:_STARTS]
        z, labels = z[nearest], None if labels is None else labels[nearest]
        if latest is not None and label in (None, latest[1]):
            z, labels = np.concatenate([z, latest[0][None]]), None if labels is None else np.append(labels, np.int32(latest[1]))
        inputs = {self._targets: np.stack([target] * len(z)), self._weights: np.ones([len(z), *image.shape[:2]], np.float32)}
        descent = search.Descent(
            z, lambda z: self._session.run(self._pixel_losses, inputs | self._inputs(z, labels)),
            lambda z: latents.keep_usual(z, self.recipe.z_distribution),
        )  # fmt: skip
        end = time.monotonic() + seconds
        descent.step()
        while time.monotonic() < end:
            descent.step()
        best = slice(descent.loss.argmin(), descent.loss.argmin() + 1)
        z, labels = descent.z[best], None if labels is None else labels[best]
        found = self.images(z, labels)
        return Projected(z, to_uint8(found, (0, 1)), np.abs(found - target).mean((1, 2, 3)), labels)

    def _random_images(self, label, rows):
        """(z, labels or None, images in [0, 1]) of random noise, which are made once. label: None means all classes by turns."""
        if label not in self._random:
            z = latents.draw([_POOL, self.recipe.z_dim], self.recipe.z_distribution, seed=0)
            labels = None
            if label is not None:
                labels = self._checked_labels(np.full(_POOL, label), _POOL)
            elif self.recipe.classes:
                labels = np.arange(_POOL, dtype=np.int32) % self.recipe.classes
            (images,) = search.by_rows(lambda *part: [self.images(*part)], rows, z, labels)
            self._random[label] = z, labels, images
        return self._random[label]

    def _search(self, images, counts, seed, labels, show):
        if labels is not None:
            labels = self._checked_labels(labels, len(images))

        def show_images(step, steps, z, labels):
            show(step, steps, self._sampler.images(z, labels))

        of_unit, weights = images.astype(np.float32) / 255, counts.astype(np.float32)
        z, labels = search.search(self, of_unit, weights, seed, labels, None if show is None else show_images)
        nearest = self._sampler.images(z, labels)
        distances = np.abs(nearest.astype(np.float32) - images).mean(3) / 255
        errors = (distances * counts).sum((1, 2)) / counts.sum((1, 2))
        return Projected(z, nearest, errors.astype(np.float32), labels)

    def images(self, z, labels):
        """z [N, z_dim], labels int32 [N] or None -> G's images, float32 [N, h, w, c] in [0, 1]."""
        return self._session.run(self._images, self._inputs(z, labels))

    def loss_of(self, images, weights):
        """The loss for these images, as `search.search` takes it: a function (z, labels, numbers) -> (losses, their gradients).

        images: float32 [N, h, w, c] in [0, 1]. weights: float32 [N, h, w]. numbers: int [n], which image each row is for.
        """
        of_targets = None
        if self._features is not None:
            (of_targets,) = search.by_rows(self._features_of, search.rows_of(images), images, weights)

        def loss(z, labels, numbers):
            inputs = self._inputs(z, labels) | {self._targets: images[numbers], self._weights: weights[numbers]}
            if of_targets is not None:
                inputs[self._of_targets] = of_targets[numbers]
            return self._session.run(self._losses, inputs)

        return loss

    def _features_of(self, images, weights):
        return [self._session.run(self._features, {self._targets: images, self._weights: weights})]

    def _inputs(self, z, labels):
        return {self._z: z} | ({} if labels is None else {self._y: labels})

    def _checked_images(self, images):
        images, shape = np.asarray(images), tuple(self.recipe.image_shape)
        if images.ndim != 4 or images.shape[1:] != shape or images.dtype != np.uint8 or not len(images):
            kind = f"{images.dtype} {list(images.shape)}"
            raise UserError(f"the images are {kind}, but this run's are uint8 [N, {', '.join(map(str, shape))}]")
        return images

    def _checked_labels(self, labels, count):
        classes, labels = self.recipe.classes, np.asarray(labels)
        if not classes:
            raise UserError("the run is not conditional and takes no labels; leave them out, or train one with --conditional")
        whole = np.issubdtype(labels.dtype, np.integer)
        if labels.shape != (count,) or not whole or not ((labels >= 0) & (labels < classes)).all():
            raise UserError(f"labels must be {count} integers from 0 to {classes - 1}, one for each image")
        return labels.astype(np.int32)


def _checked_mask(mask, images):
    mask = np.asarray(mask)
    if mask.dtype != bool or mask.shape not in (images.shape[:3], images.shape[1:3]):
        one, each = (list(images.shape[begin:3]) for begin in (1, 0))
        raise UserError(f"the mask is {mask.dtype} {list(mask.shape)}; it must be bool {one}, or {each}")
    return np.broadcast_to(mask, images.shape[:3])


def pixel_losses(images, targets, weights):
    """The mean squared difference of images [N, h, w, c] in [0, 1], by the weights [N, h, w] of their pixels: [N]."""
    weights = weights[..., None] * tf.ones([images.shape[3]])
    return tf.reduce_sum(weights * (images - targets) ** 2, [1, 2, 3]) / tf.reduce_sum(weights, [1, 2, 3])


def features(network, images, counts):
    """What an `efficientnet.Network` sees in images [N, h, w, 3] in [0, 1]: [N, d], whose squared distances compare images.

    counts: [N, h, w], 1 where the images count; elsewhere they become grey. As in LPIPS (Zhang et al. 2018, arXiv:1801.03924)
    each place of each stage is a unit vector, and squared distances are means over the places. All channels count alike.
    """
    counts = counts[..., None]
    stages = network.stages(255 * (counts * images + 0.5 * (1 - counts)))[:_STAGES]
    units = [x * tf.rsqrt(tf.reduce_sum(x**2, 3, keepdims=True) + 1e-6) for x in stages]
    return tf.concat([layers.flatten(x) / np.sqrt(x.shape[1] * x.shape[2]) for x in units], 1)


def blend(image, filling, hole):
    """The image with the filling in its hole, shifted in level so that both meet at the rim: uint8 [h, w, c].

    image, filling: uint8 [h, w, c]. hole: bool [h, w], some of it True and some False. Inside the hole the result has the
    filling's differences between neighbours (Poisson blending: Pérez et al. 2003, "Poisson image editing"), as Yeh et al. 2017,
    section 3.3, blend. Pixels outside stay.
    """
    from scipy import sparse  # not at the top: their import takes long
    from scipy.sparse import linalg

    inside = np.flatnonzero(hole)
    number = np.full(hole.size, -1)
    number[inside] = np.arange(len(inside))
    places = np.arange(hole.size).reshape(hole.shape)
    across = (places[:, :-1], places[:, 1:]), (places[:-1], places[1:])
    pairs = np.concatenate([np.stack([a.ravel(), b.ravel()], 1) for a, b in across])
    pairs = np.concatenate([pairs, pairs[:, ::-1]])  # (pixel, neighbour)
    pairs = pairs[number[pairs[:, 0]] >= 0]
    shift = (image.astype(np.float64) - filling).reshape(hole.size, -1)
    of_pixel, known = number[pairs[:, 0]], number[pairs[:, 1]] < 0
    degrees = np.bincount(of_pixel, minlength=len(inside))
    rows, columns = (np.concatenate([np.arange(len(inside)), x[~known]]) for x in (of_pixel, number[pairs[:, 1]]))
    values = np.concatenate([degrees, -np.ones((~known).sum())])
    right = np.zeros([len(inside), shift.shape[1]])
    np.add.at(right, of_pixel[known], shift[pairs[known, 1]])
    matrix = sparse.csc_matrix((values, (rows, columns)), [len(inside)] * 2)
    result = image.reshape(hole.size, -1).copy()
    level = filling.reshape(hole.size, -1)[inside] + linalg.splu(matrix).solve(right)
    result[inside] = np.rint(level.clip(0, 255)).astype(np.uint8)
    return result.reshape(image.shape)
