"""The training loop of a process that is not the chief. It trains along and writes nothing."""

import dataclasses

from tfgan.common import collector
from tfgan.common import signals
from tfgan.tf1 import tf
from tfgan.training import steps
from tfgan.training.hooks import fetch_of_all
from tfgan.training.hooks import hooks_for
from tfgan.training.session import config_for
from tfgan.training.session import number_format

_OF_THE_CHIEF = ("checkpoint_every", "histogram_every")  # the other intervals decide what all processes fetch
_VERSIONS = ("tfgan", "tensorflow", "numpy", "onednn", "deterministic", "xla", "sync_batch_norm", "replicas")


def facts(config, settings):
    """name -> JSON value: what must be the same in all processes. config: of the run; settings: this process's `Settings`."""
    recipe = {name: value for name, value in config["recipe"].items() if name != "dataset"}  # hosts may keep pictures elsewhere
    environment = {name: config["environment"][name] for name in _VERSIONS} | {"number_format": number_format(settings.hardware)}
    names = (each.name for each in dataclasses.fields(settings) if each.name.endswith("_every"))
    intervals = {name: getattr(settings, name) for name in names if name not in _OF_THE_CHIEF}
    data = {name: config.get(name) for name in ("seed", "images", "data_sha256", "labels_sha256")}
    return {**recipe, **environment, **intervals, **data}


def follow(settings, batches, team):
    """Trains along with the chief, from the chief's newest checkpoint to the end; returns the exit status.

    It runs the same session runs as the chief in the same order, because all processes take part in each exchange.
    """
    end, hooks = batches[0].iterations, hooks_for(settings)
    with tf.Graph().as_default() as graph, collector.disabled():
        gan, measures = team.build(settings.recipe, settings.seed, batches, number_format(settings.hardware))
        step, step_measured = steps.fused(gan, measures)
        initialise = tf.global_variables_initializer()
        graph.finalize()
    with collector.frozen(), team.session(graph, config_for(settings)) as session:
        session.run(initialise)
        start = team.broadcast(session, None)
        with signals.interruptible(print) as interruption:
            print(f"Training along from iteration {start} of {end}", flush=True)
            for iteration in range(start, end):
                if fetch_of_all(hooks, settings, end, iteration):
                    step_measured(session, iteration, False)
                else:
                    step(session, iteration)
                done = iteration + 1
                if done < end and (signal := team.stop_signal(session, done, interruption.signal)):
                    team.leave()
                    print(f"Stopped after iteration {done} of {end}", flush=True)
                    return 128 + signal
            team.leave()
    print(f"Finished: iteration {end}", flush=True)
    return 0
