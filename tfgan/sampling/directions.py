"""Directions of noise that change images much, from the weights alone."""

import numpy as np

from tfgan.errors import UserError


def strongest(kernel, z_dim, count):
    """Unit vectors along which G's first layer changes its output most, float32 [count, z_dim], the strongest first.

    SeFa: Shen and Zhou 2021, arXiv:2007.06600. They are the eigenvectors of W W', where z W is the first layer's output without
    its bias. Their largest components are positive. kernel: of a dense layer [z_dim or more, units], whose further rows are for
    labels, or of a transposed convolution [k, k, filters, z_dim or more]. Raises UserError if count is not in 1 to z_dim.
    """
    if not 1 <= count <= z_dim:
        raise UserError(f"{count} directions cannot be found in noise of {z_dim} values; ask for 1 to {z_dim}")
    weights = kernel if kernel.ndim == 2 else np.moveaxis(kernel, -1, 0)
    weights = weights[:z_dim].reshape(z_dim, -1).astype(np.float64)
    _, vectors = np.linalg.eigh(weights @ weights.T)  # ascending
    found = vectors.T[::-1][:count]
    signs = np.sign(found[np.arange(count), np.abs(found).argmax(1)])
    return (found * signs[:, None]).astype(np.float32)
