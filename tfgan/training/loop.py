"""The training loop: one step after another, and the hooks look on."""

import contextlib
import math
import time

from tfgan.common import collector
from tfgan.common.command import in_shell
from tfgan.tf1 import tf
from tfgan.training import board
from tfgan.training import steps
from tfgan.training import warm_start
from tfgan.training.context import Context
from tfgan.training.hook import Fetch
from tfgan.training.hook import Hook
from tfgan.training.hooks import fetch_of_all
from tfgan.training.hooks import hooks_for
from tfgan.training.instruments import check_measures
from tfgan.training.session import config_for
from tfgan.training.session import number_format


def train(settings, batches, run, initial, evaluator, team):
    """Trains a recipe from the run's newest checkpoint, or from the start, to its length; returns the exit status.

    settings: the run's `Settings`; batches: the `Batches` of each replica in this process; run: a `RunDir` that was started;
    initial: what `warm_start.read` returned, or {}; evaluator: the `quality.evaluation.Evaluator` of its samples, or None;
    team: all that train together, of which this process is the chief. Raises Diverged on NaN or infinity, Collapsed if the
    settings ask for that, OSError if something cannot be written.
    """
    recipe, end = settings.recipe, batches[0].iterations
    with tf.Graph().as_default() as graph, collector.disabled():
        gan, measures = team.build(recipe, settings.seed, batches, number_format(settings.hardware))
        context = Context(settings, gan, batches[0], run, evaluator, team)
        hooks = [hook(context) for hook in hooks_for(settings)]
        initialise = tf.global_variables_initializer()
        if settings.as_written:
            step, step_measured = steps.as_written(gan, measures, recipe, batches[0], settings.seed)
        else:
            step, step_measured = steps.fused(gan, measures)
        graph.finalize()

    with collector.frozen(), team.session(graph, config_for(settings)) as session:
        start = team.broadcast(session, restore_or_begin(session, context, initialise, initial))
        if start > end or (start == end and board.is_finished(run.logs)):
            team.leave()
            print(f"Run {run.name} is finished: {start} of {end} iterations. --iterations or --epochs makes it longer.")
            return 0
        if start == end:
            print(f"Run {run.name} has all its {end} iterations; its last pictures are made again", flush=True)
        begun = time.perf_counter()
        context.begin(session, start)
        with contextlib.closing(context), contextlib.ExitStack() as closing:
            for hook in hooks:
                hook.begin()
                closing.callback(hook.close)
            if (status := iterate(context, hooks, step, step_measured)) is not None:
                return status
            team.leave()
            for hook in hooks:
                hook.end()
    seconds = time.perf_counter() - begun
    print(f"Finished {end - start} iterations in {seconds:.0f} s. Pictures: {run.out_dir}/{run.name}*", flush=True)
    print(f"More of them: python -m tfgan.sample --run {in_shell(run.logs)}", flush=True)
    return 0


def restore_or_begin(session, context, initialise, initial):
    """Restores the newest whole checkpoint, or begins if there is none. Returns the iteration to go on with."""
    run, team = context.run, context.team
    if team.count > 1:
        session.run(initialise)  # all replicas at once; the chief alone restores
    start = context.checkpoints.restore(session)
    if start is None:
        if lines := run.metrics():
            print(f"Warning: {run.name} has no checkpoint; its {len(lines)} lines of metrics are made again, from iteration 0")
        if team.count == 1:
            session.run(initialise)
        warm_start.load(session, initial)
        return 0
    if start < context.end:
        print(f"Continuing {run.name} from iteration {start} of {context.end}", flush=True)
    return start


def iterate(context, hooks, step, step_measured):
    """Runs the iterations that are left. Returns the exit status of a hook that stops training, None at the end.

    step, step_measured: as `steps` makes them.
    """
    session, settings, end = context.session, context.settings, context.end
    context.stopwatch.start()
    # Hooks are asked at the multiples of `stride` and right before them. Asking every time would cost a small model 0.1%.
    stride = math.gcd(*(hook.interval(settings) for hook in hooks))
    after_each = [hook.after_each for hook in hooks if type(hook).after_each is not Hook.after_each]
    for iteration in range(context.start, end):
        done = iteration + 1
        if iteration % stride and done % stride and done < end:
            step(session, iteration)
        else:
            for hook in hooks:
                if hook.is_due(settings, iteration):
                    hook.before(iteration)
            if fetch := fetch_of_all(hooks, settings, end, iteration):
                notify(context, hooks, iteration, step_measured(session, iteration, fetch == Fetch.BATCH))
            else:
                step(session, iteration)
        for look in after_each:
            if (status := look(done)) is not None:
                return status
    return None


def notify(context, hooks, iteration, values):
    """Makes an iteration's line of metrics and shows it to the hooks. Raises Diverged if a measure is not finite.

    values: what the iteration fetched, by name: the measures, and perhaps the images of the batch.
    """
    batch = {name: values[name] for name in ("fake", "real") if name in values}
    measures = {name: value for name, value in values.items() if name not in batch}
    check_measures(measures, iteration)
    epoch = int(iteration * context.recipe.d_steps // context.batches.per_epoch)
    line = {"iteration": iteration, "epoch": epoch, **measures}
    for hook in hooks:
        line |= hook.figures(iteration)
    for hook in hooks:
        if hook.fetch_from(context.settings, context.end, iteration):
            hook.after(line, batch)
        hook.each_line(line)
