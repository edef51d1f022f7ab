"""Operations whose own gradient is slower than it need be."""

from tfgan.graph.fast import products
from tfgan.tf1 import tf


def leaky_relu(x, alpha):
    """max(alpha * x, x).

    Its gradient is one operation, where that of tf.maximum is seven. tf.nn.leaky_relu does not serve: TensorFlow's graph
    optimiser fails on it after a bias, and says so on the user's terminal.
    """

    @tf.custom_gradient
    def activate(x):
        y = tf.maximum(alpha * x, x)
        return y, lambda dy: tf.raw_ops.LeakyReluGrad(gradients=dy, features=y, alpha=alpha)  # y has x's sign

    return activate(x)


def bias_add(y, bias):
    """y [N, h, w, c] + bias [c]: `tf.nn.bias_add`.

    TensorFlow merges the gradient of its own with the convolution's weights' gradient, which is slower than both apart.
    """
    if not products.use_custom_ops():
        return tf.nn.bias_add(y, bias)

    @tf.custom_gradient
    def add(y, bias):
        return tf.nn.bias_add(y, bias), lambda dy: (dy, tf.reduce_sum(dy, [0, 1, 2]))

    return add(y, tf.convert_to_tensor(bias))
