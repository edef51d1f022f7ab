"""`python -m benchmarks.scaling`: two processes with a core each beside one with a core, each with the tutorial's batch.

In turns, some rounds each: one process alone; two at once that know nothing of each other (what the machine gives to two); two
that train one GAN with a batch twice as large. The efficiency is the last one's images a second, of twice the first one's.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time

MODELS = ("vanilla", "mlp", "dcgan28", "dcgan64", "dogs")
_PORTS = (23450, 23451)
_SECONDS = 4.0  # that a round of one process shall take


def worker(options):
    """Builds one GAN, then trains as many iterations as each line of stdin says, and answers with the seconds."""
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[options.core]})  # before TensorFlow counts its cores
    import numpy as np

    from tfgan import recipes
    from tfgan.datasets.batches import Batches
    from tfgan.distribution.cluster import Cluster
    from tfgan.distribution.team import Team
    from tfgan.tf1 import tf
    from tfgan.training.session import session_config

    recipe = recipes.recipe(options.model)
    cluster = None
    if options.pair:
        recipe = recipe.replace(batch_size=2 * recipe.batch_size)
        cluster = Cluster(tuple(f"127.0.0.1:{port}" for port in _PORTS), options.core)
    images = np.random.default_rng(0).integers(0, 256, (4 * recipe.batch_size, *recipe.image_shape), np.uint8)
    config = session_config(recipe)
    team = Team(["/cpu:0"], cluster, False, config)
    with tf.Graph().as_default() as graph:
        gan, _ = team.build(recipe, 0, [Batches(images, recipe, 0, replica, team.count) for replica in team.local], "float32")
        initialise = tf.global_variables_initializer()
        graph.finalize()
    with team.session(graph, config) as session:
        session.run(initialise)
        team.broadcast(session, 0)
        step = session.make_callable(gan.train_op)
        step()
        print("ready", sum(v.shape.num_elements() for v in (*gan.d_vars, *gan.g_vars)), flush=True)
        for line in sys.stdin:
            begin = time.perf_counter()
            for _ in range(int(line)):
                step()
            print(time.perf_counter() - begin, flush=True)
        team.leave()


class Workers:
    """Processes that train when they are told to."""

    def __init__(self, model, pair):
        command = [sys.executable, "-m", "benchmarks.scaling", "--worker", f"--model={model}", *(["--pair"] if pair else [])]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._processes = [subprocess.Popen([*command, f"--core={core}"], **pipes) for core in range(2)]
        for process in self._processes:
            while not (line := process.stdout.readline()).startswith("ready"):
                if not line:
                    raise SystemExit(f"a worker of {model} ended: {process.wait()}")
            self.parameters = int(line.split()[1])

    def seconds(self, iterations, count=2):
        """How long an iteration takes where the first `count` of them train at once."""
        for process in self._processes[:count]:
            process.stdin.write(f"{iterations}\n")
            process.stdin.flush()
        return max(float(process.stdout.readline()) for process in self._processes[:count]) / iterations

    def close(self):
        for process in self._processes:
            process.stdin.close()
        for process in self._processes:
            process.wait()


def measure(model, rounds):
    """Prints the model's line."""
    single, pair = Workers(model, pair=False), Workers(model, pair=True)
    iterations = max(1, round(_SECONDS / single.seconds(1, count=1)))
    iterations = max(1, round(_SECONDS / single.seconds(max(1, iterations // 4), count=1)))
    efficiencies, of_machine, exchanges, alone = [], [], [], []
    for _ in range(rounds):
        one, both, together = single.seconds(iterations, count=1), single.seconds(iterations), pair.seconds(iterations)
        alone.append(1e3 * one)
        efficiencies.append(one / together)
        of_machine.append(both / together)
        exchanges.append(1e3 * (together - both))
    single.close()
    pair.close()
    print(
        f"{model:<10}{single.parameters / 1e6:>8.1f} M {spread(alone, 1)} {spread(efficiencies, 3)} "
        f"{spread(of_machine, 3)} {spread(exchanges, 1)}",
        flush=True,
    )


def spread(values, digits):
    """The median of some rounds, with the least and the greatest."""
    low, middle, high = (f"{value:.{digits}f}" for value in (min(values), statistics.median(values), max(values)))
    return f"{f'{middle} ({low} to {high})':>28}"


def main():
    parser = argparse.ArgumentParser("benchmarks.scaling", description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--model", help=argparse.SUPPRESS)
    parser.add_argument("--core", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--pair", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(options)
        return
    titles = ("one alone, ms", "efficiency", "of the machine's", "exchange, ms")
    print(f"{'model':<10}{'parameters':>10}" + "".join(f"{title:>29}" for title in titles), flush=True)
    for model in options.models.split(","):
        measure(model, options.rounds)


if __name__ == "__main__":
    main()
