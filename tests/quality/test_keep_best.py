"""--keep-best: which state is the best one by each measure, where all the others say otherwise."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from tfgan import recipes
from tfgan.quality.monitor import QualityMonitor
from tfgan.runs import saved
from tfgan.runs.checkpoints import Checkpoints
from tfgan.tf1 import tf

# the measure -> whether more of it is better
MEASURES = {
    "frechet_distance": False, "kernel_distance": False, "precision": True, "recall": True, "density": True, "coverage": True,
    "class_agreement": True, "mean_frechet_distance_within_classes": False,
}  # fmt: skip
GOODNESS = (0.4, 0.9, 0.2, 0.6)  # after 1, 2, 3 and 4 iterations


def test_every_measure_to_choose_by_is_here():
    assert dict(saved.HIGHER_IS_BETTER) == MEASURES


class Evaluator:
    """Finds the states as good as that by one measure, and by all others just as bad."""

    protocol = {"features": "none"}  # noqa: RUF012
    class_figures = SimpleNamespace(within=lambda asked: ["a class"])

    def __init__(self, measure):
        self._measure = measure
        self._left = list(GOODNESS)

    def figures(self, samples, quick=False, asked=None):
        good = self._left.pop(0)
        return {name: good if more == (name == self._measure) else 1 - good for name, more in MEASURES.items()}


@pytest.mark.parametrize("measure", MEASURES)
def test_the_best_state_is_kept(tmp_path, graph, measure):
    """Also where an earlier protocol had a better one: figures of two protocols are not compared."""
    unbeaten = {"iteration": 0, "metric": measure, "value": 5 if MEASURES[measure] else -5, "protocol": "another"}
    (tmp_path / "best.json").write_text(json.dumps(unbeaten))
    recipe = recipes.recipe("vanilla", "digits")
    z = tf.placeholder(tf.float32, [None, recipe.z_dim])
    samples = tf.zeros([tf.shape(z)[0], *recipe.image_shape])
    gan = SimpleNamespace(samples=samples, feed_of=lambda rows, _: {z: rows})
    monitor = QualityMonitor(gan, recipe, Evaluator(measure), seed=0, samples=10, every=1, keep_best=measure)
    tf.train.get_or_create_global_step()
    checkpoints = Checkpoints(tmp_path, keep=1)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        monitor.open(session, SimpleNamespace(name="run", logs=tmp_path, metrics=list), checkpoints)
        kept = []
        for iteration in range(1, 5):
            line = monitor.measure(iteration)
            checkpoints.save(session, iteration)
            monitor.keep(lambda iteration: checkpoints.save(session, iteration))
            kept.append(saved.read_best(tmp_path)["iteration"])
            good = GOODNESS[iteration - 1]
            assert line[measure] == pytest.approx(good if MEASURES[measure] else 1 - good)
    assert kept == [1, 2, 2, 2]
    assert saved.checkpoint_iterations(tmp_path) == [2, 4]
    best = saved.read_best(tmp_path)
    np.testing.assert_allclose(best["value"], 0.9 if MEASURES[measure] else 0.1)
    assert best["metric"] == measure


def test_the_samples_that_are_measured_are_no_others(graph):
    """Their noise is draw 2 of stream 2: the grids have draw 0, and the projector draw 1."""
    recipe, gan = recipes.recipe("vanilla", "digits"), SimpleNamespace(samples=None)
    monitor = QualityMonitor(gan, recipe, Evaluator("recall"), seed=7, samples=5, every=1)
    expected = tf.random.stateless_uniform([5, 100], [7, 2 * 4096 + 2 * 256], -1.0, 1.0)
    with tf.Session() as session:
        np.testing.assert_array_equal(*session.run([monitor._noise, expected]))
