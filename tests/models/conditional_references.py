"""The conditional networks written a second time from their papers, in eager TensorFlow 2, without code of tfgan.

`REFERENCES[model](method, classes)` makes a reference. Its functions take the variables of one network as a dict, name -> tensor
(`dense_1/kernel`): `g(v, z, y, training)` gives images, `d(v, x, y, masks)` the logits [N] and those of the classes [N, classes]
(None without). y: int [N]. masks: the dropout masks of one pass of D. Each batch normalisation in training mode puts
(its name, the batch's mean, its variance, unbiased on images) into the list `seen`.

concat: Mirza and Osindero 2014. projection: Miyato and Koyama 2018, equation 3, with Dumoulin et al. 2017 in G. auxiliary: Odena
et al. 2017, equations 2 and 3, L_S and L_C: D maximises L_S + L_C, and G, here with the non-saturating loss, L_C - L_S.
"""

import tensorflow as tf


def relu(x):
    return tf.where(x > 0, x, 0.0)


def leaky(x):
    return tf.where(x > 0, x, 0.2 * x)


def dense(v, name, x):
    return x @ v[f"{name}/kernel"] + v[f"{name}/bias"]


def convolution(v, name, x, stride=2, padding="SAME"):
    return tf.nn.conv2d(x, v[f"{name}/kernel"], stride, padding) + v.get(f"{name}/bias", 0.0)


def transposed(v, name, x, size, stride=2, padding="SAME"):
    kernel = v[f"{name}/kernel"]
    return tf.nn.conv2d_transpose(x, kernel, [len(x), size, size, kernel.shape[2]], stride, padding) + v.get(f"{name}/bias", 0.0)


def flat(x):
    return tf.reshape(x, [len(x), -1])


def minus_log_sigmoid(x):
    return -tf.math.log_sigmoid(x)


class Reference:
    """What the models have in common. A subclass has `g` and `features`: D up to the layer before the logit."""

    smooth, source_weight, penalty_weight = 0.0, 1.0, 0.0
    momentum, epsilon = 0.99, 1e-3  # of batch normalisation
    d_sees_training = True  # whether G makes D's fakes in training mode
    flat_d = False  # whether D flattens its input before all else
    g_batch_norm = False

    def __init__(self, method, classes):
        self.method, self.classes, self.seen = method, classes, []

    def coded(self, x, y):
        """x with further channels: 1 in that of the class, 0 in the others."""
        code = tf.cast(y[:, None] == tf.range(self.classes), tf.float32)
        if len(x.shape) == 4:
            code = tf.ones([*x.shape[:3], 1]) * code[:, None, None]
        return tf.concat([x, code], -1)

    def noise(self, z, y):
        return z if self.method == "projection" and self.g_batch_norm else self.coded(z, y)

    def batch_norm(self, v, name, x, y=None, training=True):
        axes = list(range(len(x.shape) - 1))
        if training:
            mean = tf.reduce_mean(x, axes)
            variance = tf.reduce_mean((x - mean) ** 2, axes)
            n = int(tf.size(x)) // x.shape[-1]
            correction = n / (n - 1) if len(x.shape) == 4 else n / (n - 1 - self.epsilon)  # TF 1.x's, and Keras 2's on vectors
            self.seen.append((name, mean, variance * correction))
        else:
            mean, variance = v[f"{name}/moving_mean"], v[f"{name}/moving_variance"]
        beta = v[f"{name}/beta"]
        gamma = v.get(f"{name}/gamma", tf.ones(beta.shape))
        if self.method == "projection" and y is not None:
            gamma, beta = (tf.gather(of_class, y) for of_class in (gamma, beta))
            if len(x.shape) == 4:
                gamma, beta = gamma[:, None, None], beta[:, None, None]
        return gamma * (x - mean) / tf.sqrt(variance + self.epsilon) + beta

    def logit(self, v, names, features):
        """names: of D's dense layers, in order."""
        return dense(v, names[-1], features)[:, 0]

    def d(self, v, x, y, masks=None):
        x = flat(x) if self.flat_d else x
        features = self.features(v, self.coded(x, y) if self.method == "concat" else x, masks)
        names = [name for name in ("dense", "dense_1", "dense_2", "dense_3") if f"{name}/kernel" in v]
        if self.method == "auxiliary":
            of_classes = names.pop()
            return self.logit(v, names, features), dense(v, of_classes, features)
        logit = self.logit(v, names, features)
        if self.method == "projection":
            logit += tf.reduce_sum(features * tf.gather(tf.transpose(v["projection/kernel"]), y), 1)
        return logit, None

    def of_classes(self, class_logits, y):
        """Minus the mean of log P(C = c | x)."""
        if class_logits is None:
            return 0.0
        return -tf.reduce_mean(tf.gather(tf.math.log_softmax(class_logits), y, batch_dims=1))

    def d_loss(self, v, real, y, fake, y_fake, masks_real=None, masks_fake=None):
        with tf.GradientTape() as tape:
            tape.watch(real)
            of_real, classes_real = self.d(v, real, y, masks_real)
        of_fake, classes_fake = self.d(v, fake, y_fake, masks_fake)
        source = (1 - self.smooth) * minus_log_sigmoid(of_real) + self.smooth * minus_log_sigmoid(-of_real)
        loss = self.source_weight * (tf.reduce_mean(source) + tf.reduce_mean(minus_log_sigmoid(-of_fake)))
        loss += self.of_classes(classes_real, y) + self.of_classes(classes_fake, y_fake)
        if self.penalty_weight:  # R1, Mescheder et al. 2018: half of the mean squared norm
            slope = tape.gradient(of_real, real)
            loss += self.penalty_weight / 2 * tf.reduce_mean(tf.reduce_sum(slope**2, [1, 2, 3]))
        return loss

    def g_loss(self, v, fake, y, masks=None):
        logits, class_logits = self.d(v, fake, y, masks)
        return tf.reduce_mean(minus_log_sigmoid(logits)) + self.of_classes(class_logits, y)


class Vanilla(Reference):
    flat_d = True

    def g(self, v, z, y, training):
        h = relu(dense(v, "dense", self.noise(z, y)))
        return tf.reshape(tf.sigmoid(dense(v, "dense_1", h)), [-1, 28, 28, 1])

    def features(self, v, x, masks):
        return relu(dense(v, "dense", x))


class Mlp(Reference):
    flat_d = True

    def g(self, v, z, y, training):
        h = relu(dense(v, "dense_1", relu(dense(v, "dense", self.noise(z, y)))))
        return tf.reshape(tf.tanh(dense(v, "dense_2", h)), [-1, 28, 28, 1])

    def features(self, v, x, masks):
        return leaky(dense(v, "dense_1", leaky(dense(v, "dense", x))))


class Compact(Reference):
    momentum, g_batch_norm, penalty_weight = 0.9, True, 1.0

    def g(self, v, z, y, training):
        x = tf.reshape(dense(v, "dense", self.noise(z, y)), [-1, 7, 7, 32])
        x = relu(self.batch_norm(v, "batch_normalization", x, y, training))
        x = relu(self.batch_norm(v, "batch_normalization_1", transposed(v, "conv2d_transpose", x, 14), y, training))
        return tf.tanh(transposed(v, "conv2d_transpose_1", x, 28))

    def features(self, v, x, masks):
        for name in ("conv2d", "conv2d_1", "conv2d_2"):
            x = leaky(convolution(v, name, x))
        return flat(x)


class Dcgan28(Reference):
    smooth, g_batch_norm = 0.1, True

    def g(self, v, z, y, training):
        x = tf.reshape(dense(v, "dense", self.noise(z, y)), [-1, 4, 4, 512])
        x = relu(self.batch_norm(v, "batch_normalization", x, y, training))
        x = transposed(v, "conv2d_transpose", x, 7, 1, "VALID")
        x = relu(self.batch_norm(v, "batch_normalization_1", x, y, training))
        x = relu(self.batch_norm(v, "batch_normalization_2", transposed(v, "conv2d_transpose_1", x, 14), y, training))
        return tf.tanh(transposed(v, "conv2d_transpose_2", x, 28))

    def features(self, v, x, masks):
        x = leaky(convolution(v, "conv2d", x)) * masks[0] / 0.8
        x = leaky(self.batch_norm(v, "batch_normalization", convolution(v, "conv2d_1", x))) * masks[1] / 0.8
        return flat(leaky(self.batch_norm(v, "batch_normalization_1", convolution(v, "conv2d_2", x))))


class Dcgan64(Reference):
    momentum, epsilon, g_batch_norm = 0.9, 1e-5 + 1e-12, True

    def g(self, v, z, y, training):
        x = transposed(v, "conv2d_transpose", self.noise(z, y)[:, None, None], 4, 1, "VALID")
        x = relu(self.batch_norm(v, "batch_normalization", x, y, training))
        for n in (1, 2, 3):
            x = transposed(v, f"conv2d_transpose_{n}", x, 4 * 2**n)
            x = relu(self.batch_norm(v, f"batch_normalization_{n}", x, y, training))
        return tf.tanh(transposed(v, "conv2d_transpose_4", x, 64))

    def features(self, v, x, masks):
        x = leaky(convolution(v, "conv2d", x))
        x = leaky(self.batch_norm(v, "batch_normalization", convolution(v, "conv2d_1", x)))
        x = leaky(self.batch_norm(v, "batch_normalization_1", convolution(v, "conv2d_2", x)))
        return flat(leaky(self.batch_norm(v, "batch_normalization_2", convolution(v, "conv2d_3", x))))

    def logit(self, v, names, features):
        return convolution(v, "conv2d_4", tf.reshape(features, [-1, 4, 4, 1024]), 1, "VALID")[:, 0, 0, 0]


class Dogs(Reference):
    source_weight, g_batch_norm, d_sees_training = 0.5, True, False

    def g(self, v, z, y, training):
        x = dense(v, "dense_1", tf.tanh(dense(v, "dense", self.noise(z, y))))
        x = tf.reshape(tf.tanh(self.batch_norm(v, "batch_normalization", x, y, training)), [-1, 8, 8, 128])
        for name, times in (("conv2d", 4), ("conv2d_1", 2)):
            x = tf.tanh(convolution(v, name, tf.repeat(tf.repeat(x, times, 1), times, 2), 1))
        return x

    def features(self, v, x, masks):
        x = tf.nn.max_pool2d(tf.tanh(convolution(v, "conv2d", x, 1)), 2, 2, "VALID")
        x = tf.nn.max_pool2d(tf.tanh(convolution(v, "conv2d_1", x, 1, "VALID")), 2, 2, "VALID")
        return tf.tanh(dense(v, "dense", flat(x)))


REFERENCES = {
    "vanilla": Vanilla, "mlp": Mlp, "compact": Compact, "dcgan28": Dcgan28, "dcgan64": Dcgan64, "dogs": Dogs
}  # fmt: skip
