"""TensorFlow, imported once and in one place.

`tf` is `tensorflow.compat.v1`, the TensorFlow 1.x interface that the tutorials use; `tf2` is TensorFlow 2 itself, for
the few things that the former lacks. Eager mode is left as it is: graphs live inside `with tf.Graph().as_default():`.
"""

import contextlib
import os
import platform
import re
import sys
import tempfile
import warnings

from tfgan.common import collector

# TensorFlow reads these when it is first imported. What the user has set stands.
_SETTINGS = {
    # On processors without AVX-512 TensorFlow leaves oneDNN's kernels off; with them a DCGAN trains twice as fast.
    "TF_ENABLE_ONEDNN_OPTS": "1",
    # 2 hides the C++ runtime's notes and warnings (processor features, absent CUDA) and keeps its errors.
    "TF_CPP_MIN_LOG_LEVEL": "2",
}
# Notes and warnings of the C++ runtime ("I0000 00:00:1795257424.154444 ..."), their headline, and two complaints that mean
# nothing to a user: that CUDA found no device, which `gpus` says better, and 2.16's about plugins registered twice.
_CHATTER = re.compile(
    rb"[IW]\d{4} [\d:.]+ |WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|.*failed call to cuInit|.*Unable to register cu\w+ factory"
)


@contextlib.contextmanager
def _chatter_dropped():
    """Withholds the runtime's notes from stderr while TensorFlow is imported or looks for devices.

    TensorFlow 2.17 and later log through absl, which heeds no level until it is initialised; so what reaches the file
    descriptor is kept aside, and all but the notes and warnings is passed on afterwards.
    """
    try:
        saved = os.dup(2)
    except OSError:  # no stderr at all, so nothing to keep quiet
        yield
        return
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            aside.seek(0)
            for line in aside:
                if not _CHATTER.match(line):
                    with contextlib.suppress(OSError):  # nobody may read it any more
                        os.write(2, line)


def _prepare_environment():
    """Sets what TensorFlow reads at import; returns the context in which it is imported, quiet at our level or above.

    Warns where TensorFlow was imported first, so that a setting came too late.
    """
    unset = {name: value for name, value in _SETTINGS.items() if name not in os.environ}
    if "tensorflow" not in sys.modules:
        os.environ.update(unset)
        quiet = os.environ["TF_CPP_MIN_LOG_LEVEL"] in ("2", "3")  # a child of ours inherits 2
        return _chatter_dropped if quiet else contextlib.nullcontext
    if "TF_ENABLE_ONEDNN_OPTS" in unset:
        warnings.warn(
            "TensorFlow was imported before tfgan, so that TF_ENABLE_ONEDNN_OPTS=1 came too late and training may "
            "take twice as long; import tfgan.tf1 first, or set the variable before Python starts",
            RuntimeWarning,
            stacklevel=3,
        )
    return contextlib.nullcontext


@contextlib.contextmanager
def _without_keras():
    """Spares the import of Keras, which TensorFlow's own import otherwise includes and which is 40% of its time.

    TensorFlow goes on where its optimisers are not found, and a module that is None counts as not found. Nothing here needs
    Keras; whoever asks for `tf.keras` afterwards gets it as always.
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


def onednn():
    """Whether TensorFlow computes with oneDNN's kernels, which it has on x86: not where the setting was 0, or came too late."""
    return platform.machine() in ("x86_64", "AMD64") and _setting in ("1", "true")


def gpus():
    """The names of the GPUs that TensorFlow can use, ["NVIDIA H200", ...]; [] where there is none."""
    with _quietly():
        found = tf2.config.list_physical_devices("GPU")
    return [tf2.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in found]


@contextlib.contextmanager
def os_errors(path):
    """TensorFlow's errors of writing files, raised inside, as Python's OSError about that path."""
    try:
        yield
    except tf.errors.OpError as error:
        reason = re.search(r"; ([^;\n]+)", error.message)  # "/a/file; No space left on device", among much else
        raise OSError(f"{path}: {reason[1] if reason else type(error).__name__}") from error


__all__ = ["gpus", "onednn", "os_errors", "tf", "tf2"]
