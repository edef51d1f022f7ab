"""Feeds batches of a packed array to the graph."""

from tfgan.common import images
from tfgan.tf1 import tf
from tfgan.tf1 import tf2


class Pipeline:
    """A function: iteration (int64 scalar tensor) -> that iteration's batch, float32 [N, *image_shape] in the value range.

    `labels` gives the batch's labels, where the batches have some.

    Images enter the graph as uint8; they are resized and scaled there. A call from the graph into Python takes as long as a
    whole layer of a small network. Therefore a block of batches enters at a time and stays in a variable for its iterations.
    The iteration determines the block, so the variable is not part of a checkpoint. It needs no initialiser, and belongs to no
    collection.
    """

    def __init__(self, batches, recipe):
        self.batches = batches
        self.recipe = recipe

    def __call__(self, iteration):
        images = self._rows(iteration, self.batches.block, tf.uint8, self.batches.images.shape[1:])
        return preprocess_tensor(images, self.recipe)

    def labels(self, iteration):
        """The labels of that iteration's batch, int32 [N]."""
        return self._rows(iteration, self.batches.label_block, tf.int32, [])

    @property
    def class_shares(self):
        """The classes' shares of the data, [classes]."""
        return self.batches.classes.shares

    def _rows(self, iteration, block_of, dtype, shape):
        """That iteration's rows of the block that contains them. block_of: a function, number of the block -> its rows."""
        number = iteration // self.batches.per_block
        block_variable = _LocalVariable("block", dtype, [None, *shape])

        # Two conditions, made of Switch and Merge. tf.cond would start TensorFlow's eager runtime, which creates all thread pools
        # before the session's configuration takes effect. Operations behind one output of a Switch run only if it is taken.
        with tf.device("/cpu:0"):  # Python needs the number, and would have to wait for a GPU
            number_variable = _LocalVariable("block_number", tf.int64, [])
            never = tf.raw_ops.Switch(data=tf.constant(-1, tf.int64), pred=number_variable.is_initialized())
            with tf.control_dependencies([tf.identity(never.output_true)]):
                known = number_variable.read()
            now = tf.raw_ops.Merge(inputs=[never.output_false, known]).output
            missing = tf.raw_ops.Switch(data=number, pred=tf.equal(now, number))
        block = tf.numpy_function(block_of, [missing.output_false], dtype)
        block.set_shape([None, *shape])
        with tf.control_dependencies([block_variable.assign(block)]):
            assigned = number_variable.assign(missing.output_false)
        with tf.control_dependencies([assigned]):
            fetched = tf.identity(missing.output_false)
        with tf.control_dependencies([tf.raw_ops.Merge(inputs=[fetched, missing.output_true]).output]):
            block = block_variable.read()
        before = self.batches.rows_before(number * self.batches.per_block)
        first = self.batches.rows_before(iteration) - before
        return block[first : first + self.batches.part(iteration).rows]

    def part(self, iteration):
        """The `Part` of that iteration's batch that this replica gets: int64 scalar tensors, or ints if it is always the same."""
        return self.batches.part(iteration)


class _LocalVariable:
    """A variable outside all collections and strategies of tf.distribute. Each replica has its own."""

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
    """uint8 [N, h, w, c] -> float32 [N, *image_shape] in the value range. `images.preprocess_array` does the same in NumPy.

    Other sizes are resized bilinearly, with half-pixel centres and without rounding, like OpenCV. Grey is repeated as colour.
    """
    height, width, channels = recipe.image_shape
    if batch.shape[1:3] == [height, width]:
        # Gives the same bits as a cast and `images.from_uint8`, in one pass over the memory.
        x = tf.quantization.dequantize(tf.bitcast(batch, tf.quint8), *recipe.value_range, mode="MIN_COMBINED")
    else:
        x = images.from_uint8(tf2.image.resize(tf.cast(batch, tf.float32), [height, width]), recipe.value_range)
    if x.shape[3] != channels:
        x = tf.tile(x, [1, 1, 1, channels])
    return x
