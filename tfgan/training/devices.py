"""The devices that a process trains on: which GPUs it sees, and what it says of them."""

import itertools
import os
import platform
import re

from tfgan.common.machine import cores
from tfgan.common.machine import why_no_bfloat16
from tfgan.errors import UserError

_VISIBLE = "CUDA_VISIBLE_DEVICES"


def prepare_devices(hardware):
    """Imports TensorFlow with the devices that the `Hardware` asks for, and prints what it found.

    Returns the devices' names, ["/gpu:0", ...]. Raises UserError for a device that is not there, and for options that this
    machine cannot serve.
    """
    # CUDA reads the variable when TensorFlow first looks for devices. If one GPU is visible, it is "the first".
    allotted = os.environ.get(_VISIBLE)
    if hardware.device == "cpu":
        os.environ[_VISIBLE] = "-1"
    elif hardware.device not in ("auto", "gpu"):
        os.environ[_VISIBLE] = visible_gpus(f"--device {hardware.device}", [int(hardware.device)], allotted)
    elif hardware.devices is not None:
        option = f"--devices {','.join(map(str, hardware.devices))}"
        os.environ[_VISIBLE] = visible_gpus(option, hardware.devices, allotted)
    from tfgan import tf1

    tf1.tf.logging.set_verbosity(tf1.tf.logging.ERROR)  # compat.v1 warns of its own deprecation now and then
    if hardware.deterministic:
        tf1.tf2.config.experimental.enable_op_determinism()
    gpus = tf1.gpus()
    print(f"TensorFlow {tf1.tf.__version__}, Python {platform.python_version()}")
    return _use_gpus(gpus, hardware) if gpus else _use_cpu(hardware, allotted)


def _use_gpus(gpus, hardware):
    """The names of the GPUs to train on. gpus: the model names of those that TensorFlow finds."""
    count = len(hardware.devices or (0,))
    if len(gpus) < count:
        raise UserError(f"--devices names {count} GPUs, and TensorFlow finds {len(gpus)} of them here; name fewer")
    print(f"Device: {', '.join(gpus)}; training uses {f'{count} of them' if count > 1 else 'the first GPU'}")
    return [f"/gpu:{n}" for n in range(count)]


def _use_cpu(hardware, allotted):
    """The names of the logical CPUs to train on. allotted: CUDA_VISIBLE_DEVICES as the user had set it, or None."""
    if hardware.device not in ("auto", "cpu"):
        of = "" if allotted is None else f", where {_VISIBLE} is {allotted!r}"
        raise UserError(f"--device {hardware.device}: TensorFlow finds no such GPU here{of}; leave it out to train on the CPU")
    if hardware.xla:
        raise UserError("--xla: no GPU was found, and on a CPU XLA makes training several times slower; leave it out")
    if hardware.mixed_precision:
        _refuse_slow_bfloat16()
    if hardware.cluster is not None and len(hardware.devices or ()) > 1:
        raise UserError("--devices of several hosts are GPUs, and there is none here; leave it out: a CPU is one device")
    reason = "As asked" if hardware.device == "cpu" else "No GPU was found"
    arithmetic = ", layers in bfloat16" if hardware.mixed_precision else ""
    print(f"Device: CPU, {cores()} cores{arithmetic}. {reason}: the README's table says how long each tutorial takes")
    return [f"/cpu:{n}" for n in range(len(hardware.devices or (0,)))]


def _refuse_slow_bfloat16():
    from tfgan import tf1

    reason = why_no_bfloat16() if tf1.onednn() else "oneDNN's kernels are switched off"
    if reason is not None:
        raise UserError(f"--mixed-precision: no GPU was found, and bfloat16 is not faster on this CPU: {reason}; leave it out")


def visible_gpus(option, numbers, allotted):
    """The value of CUDA_VISIBLE_DEVICES that shows these GPUs alone. Raises UserError for one that the process may not use.

    option: the option that names them, in words. allotted: the variable's value now, or None. If it is set, as Slurm sets it
    for a task, numbers count its entries, which may be UUIDs. If it shows no GPU, none becomes visible.
    """
    if allotted is None:
        return ",".join(map(str, numbers))
    entries = (entry.strip() for entry in allotted.split(","))
    usable = list(itertools.takewhile(re.compile(r"[0-9]+|(GPU|MIG)-.+").fullmatch, entries))  # CUDA stops at any other, too
    if usable and max(numbers) >= len(usable):
        last = f" to {len(usable) - 1}" if len(usable) > 1 else ""
        raise UserError(f"{option}: {_VISIBLE} is {allotted!r}, whose GPUs count as 0{last}; name such, or change the variable")
    return ",".join(usable[number] for number in numbers) if usable else "-1"


def refuse_for_replicas(hardware, as_written):
    """Raises UserError for options that do not go with the number of replicas."""
    several = hardware.cluster is not None or len(hardware.devices or ()) > 1
    if several and as_written:
        raise UserError("--as-written is the tutorials' own loop, on one device; leave it out, or --devices and --hosts")
    if not several and hardware.sync_batch_norm:
        raise UserError("--sync-batch-norm is for several devices or hosts; leave it out, or give --devices or --hosts")
