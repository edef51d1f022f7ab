"""The training loop, on a built graph: fused, or as the tutorials wrote it."""

import contextlib
import math
import sys
import time

from tqdm import tqdm

from tfgan import recipes
from tfgan.common import collector
from tfgan.common import signals
from tfgan.errors import Collapsed
from tfgan.quality.alarms import Alarms
from tfgan.runs.checkpoints import Checkpoints
from tfgan.tf1 import tf
from tfgan.training import guards
from tfgan.training import steps
from tfgan.training import summaries
from tfgan.training import warm_start
from tfgan.training.cadence import Cadence
from tfgan.training.pictures import Pictures

_SHOWN = ("d_loss", "g_loss")
HISTOGRAM_EVERY, CHECKPOINT_EVERY = 100, 500  # iterations, where the user says nothing and it does not take too long
LOSS_SCALE = 2.0**10  # of --mixed-precision


def train(recipe, batches_of, run, options, initial, judge, team):
    """Trains a recipe from the run's newest checkpoint, or from the start, to its length; returns the exit status.

    batches_of: the `Batches` of each replica in this process; run: a `RunDir` that was started; options: train.py's; initial:
    what `warm_start.read` returned, or {}; judge: the `quality.evaluation.Evaluator` of its samples, or None; team: all
    that train together, of which this process is the chief. Raises Diverged on NaN or infinity, Collapsed if that is asked for,
    OSError where something cannot be written.
    """
    batches = batches_of[0]
    end = batches.iterations
    with tf.Graph().as_default() as graph, collector.disabled():
        # The graph: the GAN, and what is written of it. TensorBoard shows it as it is once the GAN is there.
        gan, measures = team.build(recipe, options.seed, batches_of, scale_of_losses(options))
        how = "as written" if options.as_written else "fused"
        board = summaries.Board(gan, recipe, iterations=end, loop=how, seed=options.seed)
        pictures = Pictures(gan, recipe, batches, options.seed)
        watch = judge and watching(gan, recipe, judge, options)
        checkpoints = Checkpoints(run.checkpoints, options.keep)
        check_finite = guards.finite_check()
        initialise = tf.global_variables_initializer()
        if options.as_written:
            step, step_measured = steps.as_written(gan, measures, recipe, batches, options.seed)
        else:
            step, step_measured = steps.fused(gan, measures)
        graph.finalize()

    config = session_config(recipe, options.xla, options.mixed_precision, options.as_written)
    with collector.frozen(), team.session(graph, config) as session:
        # Begin, or go on.
        start = team.share(session, begin(session, checkpoints, initialise, initial, run, end, team))
        if start >= end:
            team.leave()
            print(f"Run {run.name} is finished: {start} of {end} iterations. --iterations or --epochs makes it longer.")
            return 0
        run.rewind_to(start)
        board.open(run.logs, session, start)
        pictures.open(session, run, board)
        if watch:
            watch.open(session, run, checkpoints)
        alarms = Alarms(recipe.loss, recipe.smooth)
        for line in run.metrics():  # of the run so far: they remember it, and said what they had to
            alarms.look(line)
        if options.stop_on_collapse and "collapse" in alarms.ringing:
            raise Collapsed(f"run {run.name} had collapsed by iteration {start}; it goes on without --stop-on-collapse")
        bar = tqdm(total=end, initial=start, unit="it", disable=not sys.stderr.isatty(), dynamic_ncols=True)

        def save(iteration):
            nonlocal saved
            with saves.spending():
                check_finite(session, iteration)
                board.sync()
                run.sync_metrics()
                checkpoints.save(session, iteration)
            saved = time.monotonic()

        if start == 0:
            pictures.real()

        # The loop. Losses leave the graph only where they are shown or written.
        histograms = Cadence(options.histogram_every, usual=HISTOGRAM_EVERY)
        saves = Cadence(options.checkpoint_every, usual=CHECKPOINT_EVERY)
        # Only at its multiples and right before them is anything due; to ask of each iteration is 0.1% of a small model's.
        stride = math.gcd(histograms.every, saves.every, options.sample_every, options.summary_every, options.evaluate_every or 0)
        begun = clock = time.perf_counter()
        saved = time.monotonic()
        counted = start
        with contextlib.closing(board), bar, signals.interruptible(bar.write) as interruption:
            for iteration in range(start, end):
                done = iteration + 1
                evaluated = {}
                quiet = iteration % stride and done % stride and done < end
                if not quiet:
                    grid_due, histograms_due = iteration % options.sample_every == 0, histograms.due(iteration)
                    if grid_due or histograms_due:
                        check_finite(session, iteration)
                    if grid_due:
                        bar.write(f"Saved {pictures.grid(iteration)}")
                    if histograms_due:
                        with histograms.spending():
                            board.histograms(iteration)
                    if watch and watch.due(iteration) and done < end:  # the end has its own
                        check_finite(session, iteration)
                        evaluated = watch.measure(iteration)
                        watch.keep(save)
                        clock += watch.took
                if not quiet and measured_at(iteration, end, recipe, options):
                    pair_due = pair_at(iteration, end, recipe, options)
                    measured = step_measured(session, iteration, pair_due)
                    if pair_due:
                        pictures.pair(done, measured.pop("fake"), measured.pop("real"))
                    guards.check_measures(measured, iteration)
                    now = time.perf_counter()
                    rate = (done - counted) * recipe.d_steps * recipe.batch_size / (now - clock)
                    counted, clock = done, now
                    epoch = int(iteration * recipe.d_steps // batches.per_epoch)
                    if watch and done == end:
                        check_finite(session, end)
                        evaluated = watch.measure(end)
                    line = {"iteration": iteration, "epoch": epoch, **measured, "images_per_second": rate, **evaluated}
                    run.add_metrics(line)
                    board.scalars(iteration, line)
                    report(bar, line, end, (now - begun) / (done - start))
                    for alarm in alarms.look(line):
                        bar.write(f"Warning at iteration {iteration}: {alarm.text}")
                        board.text("alarms", iteration, alarm.text)
                        if options.stop_on_collapse and alarm.kind == "collapse" and done < end:
                            save(done)
                            raise Collapsed(f"stopped after iteration {done}, saved: {alarm.text}")
                else:
                    step(session, iteration)
                bar.update()

                signal = team.consult(session, done, interruption.signal) if done < end else 0
                due = (not quiet and saves.due(done)) or time.monotonic() - saved >= 60 * options.checkpoint_minutes
                if done < end and (due or signal):
                    if signal:
                        team.leave()
                    save(done)
                    if signal:
                        bar.write(f"Stopped after iteration {done} of {end}, saved; the same command goes on from there.")
                        return 128 + signal

            team.leave()

            # The end. The last checkpoint comes last: a run that has it has its pictures too.
            check_finite(session, end)
            bar.write(f"Saved {pictures.grid(end)}")
            pictures.end()
            board.finish()
            save(end)
            if watch:
                watch.keep(save)
    seconds = time.perf_counter() - begun
    if watch:
        watch.close()
        share = watch.seconds / seconds
        print(f"Measured the samples {watch.times} times, in {watch.seconds:.0f} s, {share:.1%} of all the time")
    print(f"Finished {end - start} iterations in {seconds:.0f} s. Pictures: {run.out_dir}/{run.name}*", flush=True)
    print(f"More of them: python -m tfgan.sample --run {run.logs}", flush=True)
    return 0


def watching(gan, recipe, judge, options):
    """The `QualityMonitor` that measures with the judge."""
    from tfgan.quality.monitor import QualityMonitor  # here: a run's start need not wait for it

    images, every, metric = options.evaluate_images, options.evaluate_every, options.keep_best
    return QualityMonitor(gan, recipe, judge, seed=options.seed, samples=images, every=every, keep_best=metric)


def measured_at(iteration, end, recipe, options):
    """Whether the measures of that iteration are written."""
    due = iteration % options.summary_every == 0 or (options.evaluate_every and iteration % options.evaluate_every == 0)
    return due or iteration + 1 == end or pair_at(iteration, end, recipe, options)


def pair_at(iteration, end, recipe, options):
    """Whether the batch of that iteration is shown, fakes beside reals."""
    return recipe.show_pairs and ((iteration + 1) % options.sample_every == 0 or iteration + 1 == end)


def scale_of_losses(options):
    """What `gan.build` is to multiply losses by."""
    return LOSS_SCALE if options.mixed_precision else 1.0


def session_config(recipe, xla=False, mixed_precision=False, as_written=False):
    """The `tf.ConfigProto` for a session that trains this recipe's model; xla and mixed_precision act on GPUs alone.

    as_written: without the model's own number of threads.
    """
    config = tf.ConfigProto()
    config.gpu_options.allow_growth = True  # GPU memory as it is needed, so that other programs of the same GPU go on
    if not as_written:  # 0: as many threads as there are cores
        config.intra_op_parallelism_threads = getattr(recipes.model_module(recipe.model), "THREADS_PER_OPERATION", 0)
    if xla:
        config.graph_options.optimizer_options.global_jit_level = tf.OptimizerOptions.ON_1
    if mixed_precision:
        rewrites = config.graph_options.rewrite_options
        rewrites.auto_mixed_precision = rewrites.ON
    return config


def begin(session, checkpoints, initialise, initial, run, end, team):
    """Restores the newest whole checkpoint, or begins where none was made; the iteration to go on with."""
    if team.count > 1:
        session.run(initialise)  # of all replicas at once; what is restored or not is the chief's matter
    start = checkpoints.restore(session)
    if start is None:
        if lines := run.metrics():
            print(f"Warning: {run.name} has no checkpoint; its {len(lines)} lines of metrics are made again, from iteration 0")
        if team.count == 1:
            session.run(initialise)
        warm_start.load(session, initial)
        return 0
    if start < end:
        print(f"Continuing {run.name} from iteration {start} of {end}", flush=True)
    return start


def report(bar, line, end, seconds_each):
    """Shows the losses: behind the bar on a terminal, as a line elsewhere. seconds_each: of an iteration so far."""
    if not bar.disable:
        bar.set_postfix({name: f"{line[name]:.4f}" for name in _SHOWN}, images_s=f"{line['images_per_second']:.0f}")
        return
    left = (end - line["iteration"] - 1) * seconds_each
    print(
        f"iteration {line['iteration']}/{end}  epoch {line['epoch']}  d_loss {line['d_loss']:.4f}  "
        f"g_loss {line['g_loss']:.4f}  {line['images_per_second']:.0f} images/s  {tqdm.format_interval(left)} left",
        flush=True,
    )
