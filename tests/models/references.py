"""The five tutorials written a second time from their sources, in eager TensorFlow 2 with Keras 3 layers, without code of tfgan.

`REFERENCES[model](image_shape)` makes a reference with `g_layers` and `d_layers` (Keras layers with variables, in order), the
functions `g(z, training)` and `d(x, masks)`, and the losses `d_loss(x, fake, masks)` and `g_loss(fake, mask)`.
masks: the dropout masks of one pass of D, of 0 and 1, in order.
"""

import keras
import tensorflow as tf

_crossentropy = keras.losses.BinaryCrossentropy(from_logits=True)


def bce(logits, label):
    return _crossentropy(tf.fill(tf.shape(logits), float(label)), logits)


def relu(x):
    return tf.where(x > 0, x, 0.0)


def leaky(x):
    return tf.where(x > 0, x, 0.2 * x)


class Reference:
    """What most tutorials have in common: D's loss is the sum of its two halves."""

    smooth = 0.0
    d_training_fakes = True  # G in training mode for D's update

    def d_loss(self, x, fake, masks_real, masks_fake):
        return bce(self.d(x, masks_real), 1 - self.smooth) + bce(self.d(fake, masks_fake), 0)

    def g_loss(self, fake, masks):
        return bce(self.d(fake, masks), 1)


class Vanilla(Reference):
    def __init__(self, image_shape):
        self.g_layers = [keras.layers.Dense(128, relu), keras.layers.Dense(784, "sigmoid")]
        self.d_layers = [keras.layers.Dense(128, relu), keras.layers.Dense(1)]
        self.g_model = keras.Sequential([keras.Input((100,)), *self.g_layers, keras.layers.Reshape(image_shape)])
        self.d_model = keras.Sequential([keras.Input(image_shape), keras.layers.Flatten(), *self.d_layers])

    def g(self, z, training):
        return self.g_model(z, training=training)

    def d(self, x, masks):
        return self.d_model(x, training=True)


class Mlp(Vanilla):
    def __init__(self, image_shape):
        self.g_layers = [
            keras.layers.Dense(1024, relu),
            keras.layers.Dense(1024, relu),
            keras.layers.Dense(784, "tanh"),
        ]
        self.d_layers = [keras.layers.Dense(256, leaky), keras.layers.Dense(256, leaky), keras.layers.Dense(1)]
        self.g_model = keras.Sequential([keras.Input((96,)), *self.g_layers, keras.layers.Reshape(image_shape)])
        self.d_model = keras.Sequential([keras.Input(image_shape), keras.layers.Flatten(), *self.d_layers])


class Dcgan28(Reference):
    smooth = 0.1

    def __init__(self, image_shape):
        batch_norm = keras.layers.BatchNormalization
        transpose = keras.layers.Conv2DTranspose
        self.g_layers = [
            keras.layers.Dense(8192),
            batch_norm(momentum=0.99, epsilon=1e-3),
            transpose(256, 4, 1, "valid"),
            batch_norm(momentum=0.99, epsilon=1e-3),
            transpose(128, 3, 2, "same"),
            batch_norm(momentum=0.99, epsilon=1e-3),
            transpose(image_shape[2], 3, 2, "same"),
        ]
        self.d_layers = [
            keras.layers.Conv2D(128, 5, 2, "same"),
            keras.layers.Conv2D(256, 5, 2, "same"),
            batch_norm(momentum=0.99, epsilon=1e-3),
            keras.layers.Conv2D(512, 5, 2, "same"),
            batch_norm(momentum=0.99, epsilon=1e-3),
            keras.layers.Dense(1),
        ]

    def g(self, z, training):
        dense, bn0, up1, bn1, up2, bn2, up3 = self.g_layers
        x = tf.reshape(dense(z), [-1, 4, 4, 512])
        x = up1(relu(bn0(x, training=training)))
        x = up2(relu(bn1(x, training=training)))
        return tf.tanh(up3(relu(bn2(x, training=training))))

    def d(self, x, masks):
        conv1, conv2, bn2, conv3, bn3, dense = self.d_layers
        x = leaky(conv1(x)) * masks[0] / 0.8
        x = leaky(bn2(conv2(x), training=True)) * masks[1] / 0.8
        x = leaky(bn3(conv3(x), training=True))
        return dense(tf.reshape(x, [-1, 4 * 4 * 512]))


class Dcgan64(Reference):
    def __init__(self, image_shape):
        def transpose(filters, stride=2, padding="same"):
            return keras.layers.Conv2DTranspose(filters, 4, stride, padding, use_bias=False)

        def convolution(filters, stride=2, padding="same"):
            return keras.layers.Conv2D(filters, 4, stride, padding, use_bias=False)

        def batch_norm():
            return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5 + 1e-12, scale=False)

        self.g_layers = [transpose(1024, 1, "valid"), batch_norm()]
        for filters in (512, 256, 128):
            self.g_layers += [transpose(filters), batch_norm()]
        self.g_layers += [transpose(3)]
        self.d_layers = [convolution(128)]
        for filters in (256, 512, 1024):
            self.d_layers += [convolution(filters), batch_norm()]
        self.d_layers += [convolution(1, 1, "valid")]

    def g(self, z, training):
        x = tf.reshape(z, [-1, 1, 1, 100])
        for up, bn in zip(self.g_layers[:-1:2], self.g_layers[1:-1:2], strict=True):
            x = relu(bn(up(x), training=training))
        return tf.tanh(self.g_layers[-1](x))

    def d(self, x, masks):
        x = leaky(self.d_layers[0](x))
        for down, bn in zip(self.d_layers[1:-1:2], self.d_layers[2:-1:2], strict=True):
            x = leaky(bn(down(x), training=True))
        return tf.reshape(self.d_layers[-1](x), [-1, 1])


class Dogs(Reference):
    d_training_fakes = False

    def __init__(self, image_shape):
        layers = keras.layers
        self.g_layers = [
            layers.Dense(1024, "tanh"),
            layers.Dense(128 * 8 * 8),
            layers.BatchNormalization(),
            layers.Conv2D(64, 5, padding="same", activation="tanh"),
            layers.Conv2D(3, 5, padding="same", activation="tanh"),
        ]
        dense1, dense2, bn, conv1, conv2 = self.g_layers
        self.g_model = keras.Sequential(
            [keras.Input((1000,)), dense1, dense2, bn, layers.Activation("tanh"), layers.Reshape((8, 8, 128))]
            + [layers.UpSampling2D(4), conv1, layers.UpSampling2D(2), conv2]
        )
        self.d_layers = [
            layers.Conv2D(64, 5, padding="same", activation="tanh"),
            layers.Conv2D(128, 5, activation="tanh"),
            layers.Dense(1024, "tanh"),
            layers.Dense(1),
        ]
        conv1, conv2, dense1, dense2 = self.d_layers
        self.d_model = keras.Sequential(
            [keras.Input(image_shape), conv1, layers.MaxPooling2D(2), conv2, layers.MaxPooling2D(2), layers.Flatten()]
            + [dense1, dense2]
        )

    def g(self, z, training):
        return self.g_model(z, training=training)

    def d(self, x, masks):
        return self.d_model(x, training=True)

    def d_loss(self, x, fake, masks_real, masks_fake):
        """One mean over one batch of 2N with labels, as in `train_on_batch`."""
        logits = self.d(tf.concat([x, fake], axis=0), None)
        labels = tf.concat([tf.ones([len(x), 1]), tf.zeros([len(fake), 1])], axis=0)
        return _crossentropy(labels, logits)


REFERENCES = {"vanilla": Vanilla, "mlp": Mlp, "dcgan28": Dcgan28, "dcgan64": Dcgan64, "dogs": Dogs}
