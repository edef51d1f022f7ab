"""TensorFlow, imported once and in one place.

`tf` is `tensorflow.compat.v1`, the TensorFlow 1.x interface that the tutorials use. `tf2` is TensorFlow 2 itself, for the few
things that `tf` lacks. `Session` is the one of tfgan's own sessions. Eager mode stays as it is: build graphs inside
`with tf.Graph().as_default():`.
"""

import contextlib
import os
import pathlib
import platform
import re
import sys
import tempfile
import warnings

from tfgan.common import collector
from tfgan.errors import UserError

# Environment variables that TensorFlow reads when it is first imported. Values that the user has set are kept.
_SETTINGS = {
    # On processors without AVX-512 TensorFlow does not use oneDNN's kernels by default. With them a DCGAN trains twice as fast.
    "TF_ENABLE_ONEDNN_OPTS": "1",
    # 2 hides the C++ runtime's notes and warnings (processor features, missing CUDA) and shows its errors.
    "TF_CPP_MIN_LOG_LEVEL": "2",
}
# The C++ runtime's notes and warnings ("I0000 00:00:1795257424.154444 ..."), the headline above them, and two errors that mean
# nothing to a user: CUDA found no device (which `gpus` tells), and TensorFlow's complaint about plugins registered twice.
_CHATTER = re.compile(
    rb"[IW]\d{4} [\d:.]+ |WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|.*failed call to cuInit|.*Unable to register cu\w+ factory"
)


@contextlib.contextmanager
def _chatter_dropped():
    """Keeps the runtime's notes and warnings off stderr while TensorFlow is imported or looks for devices.

    TensorFlow 2.17 and later log through absl, which ignores the level until it is initialised. So everything that is written to
    the file descriptor is held back, and afterwards all of it but the notes and warnings is written to stderr.
    """
    try:
        stderr = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            aside.seek(0)
            for line in aside:
                if not _CHATTER.match(line):
                    with contextlib.suppress(OSError):  # the reader may be gone
                        os.write(2, line)


def _prepare_environment():
    """Sets the environment variables; returns the context to import TensorFlow in, which is quiet at level 2 or 3.

    Warns if TensorFlow is imported already and oneDNN's setting therefore comes too late.
    """
    unset = {name: value for name, value in _SETTINGS.items() if name not in os.environ}
    if "tensorflow" not in sys.modules:
        os.environ.update(unset)
        quiet = os.environ["TF_CPP_MIN_LOG_LEVEL"] in ("2", "3")  # a child process inherits 2
        return _chatter_dropped if quiet else contextlib.nullcontext
    if "TF_ENABLE_ONEDNN_OPTS" in unset:
        warnings.warn(
            "TensorFlow was imported before tfgan, so TF_ENABLE_ONEDNN_OPTS=1 came too late and training may take twice as "
            "long; import tfgan.tf1 first, or set the variable before Python starts",
            RuntimeWarning,
            stacklevel=3,
        )
    return contextlib.nullcontext


@contextlib.contextmanager
def _without_keras():
    """Keeps TensorFlow's import from importing Keras, which would take 40% of the time.

    A module that is None in sys.modules counts as not found, and TensorFlow continues where Keras' optimisers are not found.
    tfgan does not use Keras. `tf.keras` is imported when it is first used, as always.
    """
    modules = [name for name in ("keras.src.optimizers", "tf_keras.src.optimizers") if name not in sys.modules]
    sys.modules.update(dict.fromkeys(modules))
    try:
        yield
    finally:
        for name in modules:
            del sys.modules[name]


_quietly = _prepare_environment()
_setting = os.environ.get("TF_ENABLE_ONEDNN_OPTS")
with _quietly(), _without_keras(), collector.disabled():
    import tensorflow as tf2

tf = tf2.compat.v1
_process = None  # the number of the process in which TensorFlow first computed something


def refuse_fork():
    """Raises UserError if this process was forked after TensorFlow had computed something: it would wait for ever.

    A fork copies none of TensorFlow's threads. Call this before anything is computed.
    """
    global _process
    _process = _process or os.getpid()
    if _process != os.getpid():
        raise UserError(
            f"process {_process} used TensorFlow before it forked this one, {os.getpid()}, where it cannot work; use it only "
            "after the fork (gunicorn without --preload), or start processes by multiprocessing's spawn"
        )


class Session(tf.Session):
    """A `tf.Session` that raises UserError in a forked process, where it would wait for ever."""

    def __new__(cls, *_, **__):
        """Here, because TensorFlow's destructor needs a whole session."""
        refuse_fork()
        return super().__new__(cls)

    def run(self, *arguments, **settings):
        """As `tf.Session.run`."""
        refuse_fork()
        return super().run(*arguments, **settings)


def may_have_gpu(devices="/dev"):
    """Whether this machine may have a GPU, by its files of devices: NVIDIA's, those of Windows' Linux, AMD's."""
    names = ("nvidia*", "nvhost*", "nvmap", "dxg", "kfd")
    return sys.platform != "linux" or any(any(pathlib.Path(devices).glob(name)) for name in names)


if not may_have_gpu():  # otherwise the first session would print that. With a GPU, CUDA_VISIBLE_DEVICES may yet change.
    with _quietly():
        tf2.config.list_physical_devices("GPU")


def onednn():
    """Whether TensorFlow computes with oneDNN's kernels: on x86, unless the setting was 0 or came too late."""
    return platform.machine() in ("x86_64", "AMD64") and _setting in ("1", "true")


def gpus():
    """The names of the GPUs that TensorFlow can use, ["NVIDIA H200", ...]; [] if there is none."""
    with _quietly():
        devices = tf2.config.list_physical_devices("GPU")
    return [tf2.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in devices]


@contextlib.contextmanager
def os_errors(path):
    """A context that turns TensorFlow's errors, while it writes a file, into an OSError about that path."""
    try:
        yield
    except tf.errors.OpError as error:
        reason = re.search(r"; ([^;\n]+)", error.message)  # "/a/file; No space left on device", among much else
        raise OSError(f"{path}: {reason[1] if reason else type(error).__name__}") from error


__all__ = ["Session", "gpus", "onednn", "os_errors", "refuse_fork", "tf", "tf2"]
