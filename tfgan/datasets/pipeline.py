"""Packed array -> batches in the graph."""

from tfgan.common import images
from tfgan.tf1 import tf
from tfgan.tf1 import tf2


class Pipeline:
    """A function iteration (int64 scalar tensor) -> that iteration's batch as the recipe's networks see it.

    uint8 crosses into the graph; enlarging, scaling and repeating of channels happen there. A call from the graph into
    Python costs as much as a small network's whole layer: so a block of batches crosses at a time, and stays in a variable
    for its iterations. Which block that is follows from the iteration, so that the variable is no state to be saved, and
    needs no initialiser: it belongs to no collection.
    """

    def __init__(self, batches, recipe):
        self.batches = batches
        self.recipe = recipe

    def __call__(self, iteration):
        shape = self.batches.images.shape[1:]
        number = iteration // self.batches.per_block
        held = _Held("block", tf.uint8, [None, *shape])

        # tf.cond starts TensorFlow's eager runtime, and with it all thread pools before the session's configuration counts;
        # so these two are made of its parts. What is behind a branch's side runs only when that side is taken.
        with tf.device("/cpu:0"):  # where the number is needed: a GPU would have to be waited for
            held_number = _Held("block_number", tf.int64, [])
            never = tf.raw_ops.Switch(data=tf.constant(-1, tf.int64), pred=held_number.is_initialized())
            with tf.control_dependencies([tf.identity(never.output_true)]):
                known = held_number.read()
            now = tf.raw_ops.Merge(inputs=[never.output_false, known]).output
            missing = tf.raw_ops.Switch(data=number, pred=tf.equal(now, number))
        block = tf.numpy_function(self.batches.block, [missing.output_false], tf.uint8)
        block.set_shape([None, *shape])
        with tf.control_dependencies([held.assign(block)]):
            assigned = held_number.assign(missing.output_false)
        with tf.control_dependencies([assigned]):
            fetched = tf.identity(missing.output_false)
        with tf.control_dependencies([tf.raw_ops.Merge(inputs=[fetched, missing.output_true]).output]):
            block = held.read()
        before = self.batches.rows_before(number * self.batches.per_block)
        first = self.batches.rows_before(iteration) - before
        return preprocess_tensor(block[first : first + self.batches.part(iteration).rows], self.recipe)

    def part(self, iteration):
        """The `Part` of that iteration's batch that this gives: int64 scalar tensors, or ints where it is always the same."""
        return self.batches.part(iteration)


class _Held:
    """A variable that belongs to no collection, and to no strategy of tf.distribute: each replica has its own."""

    def __init__(self, name, dtype, shape):
        graph = tf.get_default_graph()
        self._dtype = dtype
        unique = graph.unique_name(name, mark_as_used=False)
        self._handle = tf.raw_ops.VarHandleOp(dtype=dtype, shape=shape, shared_name=unique, name=name)

    def is_initialized(self):
        return tf.raw_ops.VarIsInitializedOp(resource=self._handle)

    def read(self):
        return tf.raw_ops.ReadVariableOp(resource=self._handle, dtype=self._dtype)

    def assign(self, value):
        return tf.raw_ops.AssignVariableOp(resource=self._handle, value=value)


def preprocess_tensor(batch, recipe):
    """uint8 [N, h, w, c] -> float32 [N, *image_shape] in the value range.

    Other sizes are resized bilinearly (half-pixel centres, not rounded, as OpenCV does), grey repeated as colour.
    """
    height, width, channels = recipe.image_shape
    if batch.shape[1:3] == [height, width]:
        # The cast and the scaling of `images.from_uint8`, the same bits, in one pass over the memory.
        x = tf.quantization.dequantize(tf.bitcast(batch, tf.quint8), *recipe.value_range, mode="MIN_COMBINED")
    else:
        x = images.from_uint8(tf2.image.resize(tf.cast(batch, tf.float32), [height, width]), recipe.value_range)
    if x.shape[3] != channels:
        x = tf.tile(x, [1, 1, 1, channels])
    return x
