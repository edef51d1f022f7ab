"""What looks on while a run trains. Each hook is one file here and one entry of `HOOKS`.

Begin with `hook.Hook`. The order of `HOOKS` is the order in which they are called: at the end the last checkpoint comes first, so
that nothing which fails afterwards costs any training.
"""

from tfgan.training.hooks.alarms import AlarmHook
from tfgan.training.hooks.checkpoints import CheckpointHook
from tfgan.training.hooks.grids import GridHook
from tfgan.training.hooks.hook import Wanted
from tfgan.training.hooks.metrics import MetricsHook
from tfgan.training.hooks.progress import ProgressHook
from tfgan.training.hooks.quality import QualityHook
from tfgan.training.hooks.speed import SpeedHook
from tfgan.training.hooks.stop import StopHook
from tfgan.training.hooks.tensorboard import TensorBoardHook

HOOKS = (
    CheckpointHook,
    QualityHook,
    GridHook,
    TensorBoardHook,
    SpeedHook,
    MetricsHook,
    ProgressHook,
    AlarmHook,
    StopHook,
)


def hooks_for(settings):
    """The hooks of `HOOKS` that a run with these settings has."""
    return [hook for hook in HOOKS if hook.applies(settings)]


def wanted(hooks, settings, end, iteration):
    """The `Wanted` of an iteration: the most that one of these hooks wants, and of the last iteration the measures at least."""
    least = Wanted.MEASURES if iteration + 1 == end else Wanted.NOTHING
    return max(least, *(hook.wants(settings, end, iteration) for hook in hooks))
