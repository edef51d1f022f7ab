"""Spectral normalisation: Miyato et al. 2018, arXiv:1802.05957."""

from tfgan.tf1 import tf


def normalized(kernel, u):
    """(kernel / sigma, the next u): sigma estimates the largest singular value of the kernel W, taken as a matrix [rest, out].

    kernel: [..., out]. u: [out], the result of the previous power iteration, of any length but 0. One call makes one iteration:
    v = W u / |W u|, u = W' v / |W' v|, sigma = v' W u. Gradients flow through W alone, as in the paper's algorithm 1. Assign the
    next u once in an update of D.
    """
    matrix = tf.reshape(kernel, [-1, kernel.shape[-1]])
    v = tf.math.l2_normalize(tf.linalg.matvec(matrix, u))
    next_u = tf.math.l2_normalize(tf.linalg.matvec(matrix, v, transpose_a=True))
    v, next_u = tf.stop_gradient(v), tf.stop_gradient(next_u)
    sigma = tf.tensordot(v, tf.linalg.matvec(matrix, next_u), 1)
    return kernel / sigma, next_u
