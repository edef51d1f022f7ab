"""What this machine has: cores, memory, and what its processor can do."""

import math
import os
import pathlib
import platform
import re

_VECTORS = ("avx512f", "avx2", "avx")  # vector instructions, the widest first


def cores():
    """The number of cores that this process may use, and of threads that TensorFlow starts by default."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def memory():
    """The bytes of memory that this machine has, or infinity where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # as on Windows
        return math.inf


def processor():
    """The processor's name and its widest vector instructions, which determine the kernels, if the system tells them."""
    facts = cpuinfo()
    if facts is None:
        return platform.processor() or platform.machine()
    name = facts.get("model name", platform.machine())
    return next((f"{name}, {vectors}" for vectors in _VECTORS if vectors in facts.get("flags", "").split()), name)


def why_no_bfloat16():
    """Why bfloat16 would not be faster than float32 on this processor, in words; None where it is faster.

    Intel's AVX512_BF16 does not count without AMX. It was measured to be slower than float32.
    """
    facts = cpuinfo()
    if facts is None:
        return "only Linux tells whether the processor has instructions for it"
    flags = facts.get("flags", "").split()
    if "amx_bf16" in flags or ("avx512_bf16" in flags and facts.get("vendor_id") == "AuthenticAMD"):
        return None
    return "this processor has neither AMX nor AMD's AVX512_BF16"


def cpuinfo():
    """What Linux says of the processor, as {"model name": ..., "flags": ...}; None on other systems."""
    table = pathlib.Path("/proc/cpuinfo")
    return dict(re.findall(r"^([\w ]+?)\s*: (.*)$", table.read_text(), re.MULTILINE)) if table.exists() else None
