"""What the command line decides about a run, as frozen data. A field says of itself which option sets it."""

import argparse
import dataclasses
import math
import pathlib

from tfgan.common.fields import Range
from tfgan.common.fields import field
from tfgan.common.places import USUAL
from tfgan.quality.measurements import FEATURE_KINDS
from tfgan.quality.measurements import HIGHER_IS_BETTER
from tfgan.quality.measurements import OF_CLASSES
from tfgan.recipes import Recipe

HISTOGRAM_EVERY, CHECKPOINT_EVERY = 100, 500  # iterations: the defaults, where they do not take too much time
# The groups of options, and of tables in docs/options.md.
RUN = "the run"
INTERVALS = "what is written, in iterations"
QUALITY = "quality"
DATA = "how images are read"
GPUS = "GPUs"
SEVERAL = "several devices and hosts (docs/devices.md)"

_COUNT = Range(1)
_STRETCHES = "by default less often where it would take more than 0.2% of the time"


def _device(text):
    if text in ("auto", "cpu", "gpu") or text.isdecimal():
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is not auto, cpu, gpu or a GPU's number")


def _devices(text):
    numbers = text.split(",")
    if not all(number.isdecimal() for number in numbers) or len(set(map(int, numbers))) < len(numbers):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of different numbers such as 0,1")
    return tuple(map(int, numbers))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hardware:
    """What a run is computed on, and how."""

    cluster: tuple | None = None  # the `distribution.cluster.Cluster` of processes that train together; None for one process
    device: str = field(
        "auto, cpu, gpu or the number of a GPU", GPUS, default="auto", parse=_device,
        note="`auto` takes a GPU where there is one. Where `CUDA_VISIBLE_DEVICES` is set, numbers count its GPUs.",
    )  # fmt: skip
    xla: bool = field("compile the graph with XLA; on a CPU this is slower, so it is refused there", GPUS, default=False)
    mixed_precision: bool = field(
        "compute layers in float16 on a GPU, and in bfloat16 on a CPU that has AMX, or AMD's AVX512_BF16", GPUS, default=False,
        note="On a GPU it is float16 where TensorFlow holds it safe. On such a CPU the large models are about "
        "[twice as fast](performance.md#bfloat16). Other CPUs are refused.",
    )  # fmt: skip
    deterministic: bool = field("use TensorFlow's deterministic kernels on GPUs, which are slower", GPUS, default=False)
    devices: tuple | None = field(
        "train on these GPUs together, 0,1 for example; without any GPU on as many logical CPUs", SEVERAL, default=None,
        metavar="NUMBERS", parse=_devices,
    )  # fmt: skip
    sync_batch_norm: bool = field("normalise over the whole batch, not over each device's part", SEVERAL, default=False)

    @property
    def arithmetic(self):
        """name -> bool: what changes the bits of a result and belongs to no recipe."""
        return {name: getattr(self, name) for name in ("deterministic", "xla", "mixed_precision", "sync_batch_norm")}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """All that the command line decides about a run."""

    recipe: Recipe
    hardware: Hardware
    seed: int = field(
        "seed from which all randomness follows", RUN, default=0, range=Range(0, 2**63 - 1),
        note="The same seed on the same machine gives the same bits (tested on CPUs): see "
        "[reproducibility.md](reproducibility.md).",
    )  # fmt: skip
    as_written: bool = field(
        "run the tutorial's own loop: fed placeholders, two session runs", RUN, default=False, note="See below."
    )
    init_from: str | None = field(
        "begin with the networks of a checkpoint that a TF 1.x program wrote", RUN, default=None, metavar="PATH",
        note="See [reproducibility.md](reproducibility.md).",
    )  # fmt: skip
    run: str | None = field(
        "name of the run", RUN, default=None, usual="MODEL-DATASET",
        note="It has letters, digits, `.`, `_`, `+` and `-`, but no `-` at the beginning.",
    )  # fmt: skip
    fresh: bool = field("start over: remove the run's checkpoints, logs and pictures first", RUN, default=False)
    data_dir: pathlib.Path = field("folder of the data sets", RUN, default=pathlib.Path("data"))
    packed_dir: pathlib.Path | None = field("folder of packed images", RUN, default=None, usual=USUAL)
    log_dir: pathlib.Path = field("folder for TensorBoard and checkpoints", RUN, default=pathlib.Path("logs"))
    out_dir: pathlib.Path = field("folder for pictures", RUN, default=pathlib.Path("out"))
    keep_going: bool = field("train even if more than 5% of the pictures are damaged", DATA, default=False)
    in_memory: bool = field(
        "read all images into memory instead of mapping the file, for a slow disk or a network drive", DATA, default=False
    )
    sample_every: int = field("save a grid of samples", INTERVALS, default=1000, range=_COUNT)
    summary_every: int = field("write the losses and the other metrics", INTERVALS, default=100, range=_COUNT)
    histogram_every: int | None = field(
        f"write a histogram of every variable; {_STRETCHES}", INTERVALS, default=None, range=_COUNT, usual=HISTOGRAM_EVERY
    )
    checkpoint_every: int | None = field(
        f"save a checkpoint; {_STRETCHES}", INTERVALS, default=None, range=_COUNT, usual=CHECKPOINT_EVERY
    )
    checkpoint_minutes: float = field(
        "save a checkpoint, too, when so many minutes have passed since the last one", INTERVALS, default=10,
        range=Range(0, math.inf, excluded=(0,)),
    )  # fmt: skip
    keep: int = field("newest checkpoints that are kept", INTERVALS, default=3, range=_COUNT)
    evaluate_every: int | None = field(
        "measure samples against real images at this interval, in iterations", QUALITY, default=None, range=_COUNT
    )
    evaluate_images: int = field(
        "samples that are measured, against as many real images", QUALITY, default=2000, range=Range(10, 10**5)
    )
    features: str | None = field(
        "features that are compared", QUALITY, default=None, choices=FEATURE_KINDS, usual="the best at hand"
    )
    keep_best: str | None = field(
        "keep the best checkpoint as well, by this figure", QUALITY, default=None, metavar="METRIC",
        choices=tuple(HIGHER_IS_BETTER), note=f"Only conditional runs have {' and '.join(OF_CLASSES)}.",
    )  # fmt: skip
    stop_on_collapse: bool = field("save and stop (exit status 3) when training warns of collapse", QUALITY, default=False)

    @property
    def own_folders(self):
        """The folders in which pictures are tfgan's own, and none of the user's."""
        return self.data_dir, self.log_dir, self.out_dir
