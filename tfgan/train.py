"""`python -m tfgan.train`: trains one of the tutorials. Parses and checks the options; `training.start` does the rest.

TensorFlow is imported only after the options have been read, so that --help and mistakes in the options are answered at once.
"""

import contextlib
import os

from tfgan.common import output
from tfgan.common import signals
from tfgan.common.command import run_command
from tfgan.distribution import cluster
from tfgan.errors import UserError
from tfgan.training import devices
from tfgan.training import options
from tfgan.training.options import parser


def main():
    """Runs the command; its exit status."""
    parsed = parser().parse_args()
    processes = cluster.of_options(parsed.hosts, parsed.task)
    if processes is not None:  # TensorFlow, which comes with the recipes, would print many lines for each process that is gone
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    settings = options.settings(parsed, processes)
    devices.refuse_for_replicas(settings.hardware, settings.as_written)
    if parsed.dry_run:
        from tfgan.training import start

        start.show(settings)
        return 0
    with output.ignore_write_errors("stdout"):  # a run goes on when nobody reads its lines any more
        return train_on_devices(settings)


def train_on_devices(settings):
    """Trains on the devices and hosts that the settings ask for; returns the exit status."""
    hardware = settings.hardware
    names = devices.prepare_devices(hardware)
    from tfgan.distribution.team import Team
    from tfgan.tf1 import tf
    from tfgan.training.session import config_for

    with signals.leave_on_signal() if hardware.cluster else contextlib.nullcontext():  # until training begins, which saves first
        team = Team(names, hardware.cluster, hardware.sync_batch_norm, config_for(settings))
        try:
            try:
                return train(settings, team)
            except tf.errors.ResourceExhaustedError as error:
                size = settings.recipe.batch_size
                raise UserError(f"batch_size {size} needs more memory than there is; give a smaller one") from error
        except UserError as error:
            team.refuse(error)
            raise


def train(settings, team):
    """Trains as a process of the team; returns the exit status. All refusals come before anything is written."""
    from tfgan.distribution import follow
    from tfgan.training import start

    preparation = start.prepare(settings, team)
    team.agree(follow.facts(preparation.config, preparation.settings))
    if not team.chief:
        team.begin()
        return follow.follow(preparation.settings, preparation.batches, team)
    return start.train_as_chief(preparation, team)


if __name__ == "__main__":
    run_command(main)
