"""The training loop of a process that is not the chief: it trains along, and writes nothing."""

from tfgan.common import collector
from tfgan.common import signals
from tfgan.distribution.cluster import BEGUN
from tfgan.tf1 import tf
from tfgan.training import loop
from tfgan.training import steps

_VERSIONS = ("tfgan", "tensorflow", "numpy", "onednn", "deterministic", "xla", "mixed_precision", "sync_batch_norm", "replicas")


def facts(config, options):
    """name -> JSON value: what must be the same in all processes. config: of the run; options: train.py's."""
    recipe = {name: value for name, value in config["recipe"].items() if name != "dataset"}  # pictures lie where they lie
    environment = {name: config["environment"][name] for name in _VERSIONS}
    intervals = {name: getattr(options, name) for name in ("summary_every", "sample_every", "evaluate_every")}
    return {**recipe, **environment, **intervals, **{name: config[name] for name in ("seed", "images", "data_sha256", "shards")}}


def follow(recipe, batches, options, team):
    """Trains along with the chief, from its newest checkpoint to the end; the exit status.

    Each session run is the chief's, in the same order: all processes take part in each exchange.
    """
    end = batches[0].iterations
    with tf.Graph().as_default() as graph, collector.disabled():
        gan, measures = team.build(recipe, options.seed, batches, loop.scale_of_losses(options))
        step, step_measured = steps.fused(gan, measures)
        initialise = tf.global_variables_initializer()
        graph.finalize()
    config = loop.session_config(recipe, options.xla, options.mixed_precision)
    kept = collector.frozen()
    with kept, team.session(graph, config) as session, signals.interruptible(print) as interruption:
        session.run(initialise)
        start = team.share(session, None)
        print(f"{BEGUN} from iteration {start} of {end}", flush=True)
        for iteration in range(start, end):
            if loop.measured_at(iteration, end, recipe, options):
                step_measured(session, iteration, False)
            else:
                step(session, iteration)
            done = iteration + 1
            if done < end and (signal := team.consult(session, done, interruption.signal)):
                team.leave()
                print(f"Stopped after iteration {done} of {end}", flush=True)
                return 128 + signal
        team.leave()
    print(f"Finished: iteration {end}", flush=True)
    return 0
