"""The environment of a run: what its bits depend on besides its recipe, seed and data."""

import os
import platform

import numpy as np

import tfgan
from tfgan.common import machine


def environment(**settings):
    """The versions, devices and threads of this process, together with `settings`, as a dict of JSON values."""
    from tfgan import tf1  # not at the top: `changes` must not need TensorFlow

    return {
        "tfgan": tfgan.__version__,
        "tensorflow": tf1.tf.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "device": tf1.gpus() or ["CPU"],
        "processor": machine.processor(),
        "threads": machine.cores(),
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "1",
        **settings,
    }


def changes(was, now):
    """The differences of two environments in words: ["tensorflow was '2.20.0', now '2.21.0'", ...]."""
    was = {"replicas": 1, "sync_batch_norm": False, **was}  # fields that older versions did not write
    return [f"{name} was {was.get(name)!r}, now {now[name]!r}" for name in now if was.get(name) != now[name]]
