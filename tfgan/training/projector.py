"""The points of TensorBoard's projector: a run's samples among real images, each with a thumbnail."""

import math

import numpy as np
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from tfgan.common import files
from tfgan.common import images

MOST = 256  # samples, and as many real images
_DIMENSIONS = 50  # of the points; the projector itself reduces them further
_THUMBNAIL = 32  # the side of a thumbnail in pixels, more or less
_CONFIG = "projector_config.pbtxt"  # the name that TensorBoard looks for
_POINTS, _LABELS, _SPRITE = (f"projector_{what}" for what in ("points.tsv", "labels.tsv", "sprite.png"))


def write(folder, fake, real):
    """Writes the projector's files into a run's log folder. Each appears whole, and the file that names the others comes last.

    fake, real: uint8 [N, h, w, c] with the same h, w and c; at least one image each.
    """
    everything = np.concatenate([fake, real])
    labels = [f"{kind}\t{number}" for kind, of_kind in (("fake", fake), ("real", real)) for number in range(len(of_kind))]
    config = ProjectorConfig()
    embedding = config.embeddings.add(tensor_name="images", tensor_path=_POINTS, metadata_path=_LABELS)
    with files.atomic_write(folder / _POINTS) as file:
        np.savetxt(file, principal_components(everything), fmt="%.5g", delimiter="\t")
    with files.atomic_write(folder / _LABELS) as file:
        file.write("\n".join(["kind\tnumber", *labels, ""]).encode())
    picture, size = sprite(everything)
    images.save_png(folder / _SPRITE, picture)
    embedding.sprite.image_path = _SPRITE
    embedding.sprite.single_image_dim.extend(size)
    with files.atomic_write(folder / _CONFIG) as file:
        file.write(str(config).encode())


def principal_components(everything):
    """uint8 [N, h, w, c] -> float [N, at most 50]: the pixels' principal components, the largest first.

    They are computed from the N x N products of the images, because the images are fewer than their pixels. An axis points to
    where the point farthest out is positive, so that the same images give the same points.
    """
    pixels = everything.reshape(len(everything), -1) / np.float32(255)
    pixels -= pixels.mean(0)
    variances, axes = np.linalg.eigh((pixels @ pixels.T).astype(float))
    points = (axes * np.sqrt(np.maximum(variances, 0)))[:, ::-1][:, :_DIMENSIONS]
    farthest = points[np.abs(points).argmax(0), range(points.shape[1])]
    return points * np.where(farthest < 0, -1, 1)


def sprite(everything):
    """Returns (all thumbnails in one square picture, row by row, black after the last one; a thumbnail's (width, height))."""
    count, height, width, channels = everything.shape
    side = math.ceil(math.sqrt(count))
    filled = np.zeros([side * side, height, width, channels], np.uint8)
    filled[:count] = everything
    smaller = next(n for n in range(max(1, height // _THUMBNAIL), 0, -1) if height % n == width % n == 0)
    picture = np.asarray(images.to_pillow(images.square_grid(filled)).reduce(smaller))
    return picture.reshape(*picture.shape[:2], channels), (width // smaller, height // smaller)
