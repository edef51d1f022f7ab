"""Fills a hole without a seam: Poisson blending, Pérez et al. 2003, "Poisson image editing". SciPy only."""

import numpy as np


def blend(image, filling, hole):
    """The image with the filling in its hole, shifted in level so that both meet at the rim: uint8 [h, w, c].

    image, filling: uint8 [h, w, c]. hole: bool [h, w], some of it True and some False. Inside the hole the result has the
    filling's differences between neighbours, as Yeh et al. 2017, arXiv:1607.07539, section 3.3, blend. Pixels outside stay.
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
    blended = image.reshape(hole.size, -1).copy()
    level = filling.reshape(hole.size, -1)[inside] + linalg.splu(matrix).solve(right)
    blended[inside] = np.rint(level.clip(0, 255)).astype(np.uint8)
    return blended.reshape(image.shape)
