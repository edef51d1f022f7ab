"""What the command line decides about a run, as frozen data. Each function takes the part that it needs."""

import dataclasses
import pathlib
from typing import Any

from tfgan.recipes import Recipe

HISTOGRAM_EVERY, CHECKPOINT_EVERY = 100, 500  # iterations: the defaults, where they do not take too much time


@dataclasses.dataclass(frozen=True, kw_only=True)
class Intervals:
    """How often a run writes, in iterations unless the name says otherwise."""

    sample_every: int
    summary_every: int
    histogram_every: int | None  # None: HISTOGRAM_EVERY, or less often where that would take too much time
    checkpoint_every: int | None  # None: CHECKPOINT_EVERY, likewise
    checkpoint_minutes: float  # a checkpoint is also saved when so many minutes have passed since the last one


@dataclasses.dataclass(frozen=True, kw_only=True)
class Folders:
    """Where a run's files go."""

    data: pathlib.Path
    logs: pathlib.Path
    out: pathlib.Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataAccess:
    """How a process reads the images."""

    keep_going: bool  # train even where many pictures are damaged
    in_memory: bool  # read all images into memory instead of mapping the file
    shards: int | None  # each replica reads its own of so many shards; None: all images lie in one file


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hardware:
    """What a run is computed on, and how."""

    device: str  # "auto", "cpu", "gpu", or a GPU's number
    devices: tuple | None  # numbers of the GPUs that train together
    cluster: Any  # the `Cluster` of processes that train together; None for one process
    xla: bool
    mixed_precision: bool
    deterministic: bool
    sync_batch_norm: bool

    @property
    def arithmetic(self):
        """name -> bool: what changes the bits of a result and belongs to no recipe."""
        return {name: getattr(self, name) for name in ("deterministic", "xla", "mixed_precision", "sync_batch_norm")}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How samples are measured while a run trains."""

    every: int  # iterations
    images: int  # samples, and as many real images
    features: str | None  # a name of `saved.FEATURE_KINDS`; None: the best that is at hand
    keep_best: str | None  # the metric by which the best checkpoint is kept


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """All that the command line decides about a run."""

    recipe: Recipe
    seed: int
    as_written: bool  # the tutorial's own loop: fed placeholders, two session runs
    init_from: str | None  # a checkpoint of tf.train.Saver that the networks begin with
    run: str | None  # the run's name; None: MODEL-DATASET
    fresh: bool  # remove what the run has, and start over
    keep: int  # newest checkpoints that are kept
    stop_on_collapse: bool
    intervals: Intervals
    folders: Folders
    data_access: DataAccess
    hardware: Hardware
    evaluation: Evaluation | None  # None: samples are not measured
