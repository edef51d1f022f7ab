"""The Sampler: a run's grid again, rows that depend on nothing else, scores without dropout."""

import numpy as np
import pytest

from tests.conftest import ancestors
from tests.conftest import own_pixels
from tests.conftest import saved_variables
from tests.models.test_fastgan import Reference
from tfgan.graph.scope import AVERAGE
from tfgan.runs import saved
from tfgan.sampling import drawing
from tfgan.sampling import showing
from tfgan.sampling.inference import CHUNK
from tfgan.sampling.inference import Sampler


@pytest.mark.parametrize(
    "name", ["mlp-digits", "compact-pictures", "dcgan28-digits", pytest.param("fastgan-pictures", marks=pytest.mark.slow)]
)
def test_with_the_runs_seed_it_begins_with_the_runs_own_grid(request, name):
    """The pictures of the training graph's `samples` operation and of the graph made for use agree, in the same noise."""
    runs = request.getfixturevalue("fastgan_runs" if name.startswith("fastgan") else "runs")
    run = saved.find_run(name, runs / "logs")
    with Sampler(run) as sampler:
        made = sampler.images(sampler.z(run.recipe.sample_count, run.seed))
    side = int(len(made) ** 0.5)
    grid = own_pixels(saved.sample_grids(runs / "out", run.name)[4], side * run.recipe.image_shape[0])
    rows = [np.concatenate(list(made[row * side : (row + 1) * side]), axis=1) for row in range(side)]
    difference = np.abs(np.concatenate(rows).squeeze().astype(int) - grid)
    assert difference.max() <= 1, "levels; another batch size rounds otherwise"
    assert (difference == 0).mean() > 0.99
    assert grid.std() > 0.5


def test_a_rows_noise_and_image_depend_on_nothing_else(runs):
    with Sampler(saved.find_run("mlp-digits", runs / "logs")) as sampler:
        z = sampler.z(3 * CHUNK + 5, seed=7)
        assert len(np.unique(z[:, 0])) == len(z)
        for first, count in ((0, 1), (CHUNK - 1, 2), (CHUNK, CHUNK), (100, 97), (5, 0)):
            np.testing.assert_array_equal(sampler.z(count, 7, first), z[first : first + count])
        assert np.isin(sampler.z(CHUNK, seed=8), z).mean() < 0.01, "another seed"
        made = sampler.images(z)
        for begin, end in ((0, 1), (60, 70), (CHUNK, 2 * CHUNK)):
            np.testing.assert_array_equal(sampler.images(z)[begin:end], made[begin:end])
        assert np.abs(sampler.images(z[60:70]).astype(int) - made[60:70]).max() <= 1


def test_scores_are_ds_logits_without_dropout(runs):
    """Of mlp: the network's layers in NumPy, from the checkpoint's arrays."""
    run = saved.find_run("mlp-digits", runs / "logs")
    v = saved_variables(run.logs)
    with Sampler(run) as sampler:
        z = sampler.z(10, seed=1)
        scores, made = sampler.scores(z), sampler.images(z)
    x = made.reshape(10, -1) / 127.5 - 1  # rounded to 255 levels, hence the tolerance
    for name in ("dense", "dense_1"):
        y = x @ v[f"discriminator/{name}/kernel"] + v[f"discriminator/{name}/bias"]
        x = np.maximum(y, 0.2 * y)
    expected = x @ v["discriminator/dense_2/kernel"] + v["discriminator/dense_2/bias"]
    np.testing.assert_allclose(scores, expected[:, 0], atol=5e-3)
    assert scores.std() > 0.01


def test_dropout_and_averages_in_use(runs):
    """dcgan28, with dropout in D and averages in G: the same scores twice, no random numbers, no image that needs its batch."""
    run = saved.find_run("dcgan28-digits", runs / "logs")
    with Sampler(run) as sampler:
        z = sampler.z(CHUNK, seed=1)
        np.testing.assert_array_equal(sampler.scores(z), sampler.scores(z))
        kinds = {op.type for op in ancestors([sampler._networks.logits.op])}
        one, several = sampler.images(z[:1]), sampler.images(z)
    assert "Conv2D" in kinds
    assert not [kind for kind in kinds if "Random" in kind]
    assert np.abs(one[0].astype(int) - several[0]).max() <= 1, "an image does not depend on its batch"


def test_fastgans_images_and_scores_depend_on_their_own_noise_alone(fastgan_run):
    """The images are those of its paper, by the averages of the weights: written a second time in eager TensorFlow 2."""
    averages = {name: x for name, x in saved_variables(fastgan_run.logs).items() if name.startswith("generator")}
    with Sampler(fastgan_run) as sampler:
        z = sampler.z(CHUNK + 6, seed=1)
        made, scores = sampler.values(z), sampler.scores(z)
        for begin, end in ((0, 1), (60, 70)):
            np.testing.assert_allclose(sampler.values(z[begin:end]), made[begin:end], atol=1e-4)
            np.testing.assert_allclose(sampler.scores(z[begin:end]), scores[begin:end], atol=1e-4)
    reference = Reference({name.removesuffix(AVERAGE): x for name, x in averages.items()})
    np.testing.assert_allclose(made[:8], reference(z[:8], 64, False), atol=1e-4)
    assert made.std(0).mean() > 0.1
    assert scores.std() > 0.01


def test_truncation_wherever_it_is_offered(fastgan_run):
    """Of a G that normalises its noise, too: images, the best of many, the steps of a way, and the strip of a direction."""
    with Sampler(fastgan_run) as sampler:
        whole, cut = (sampler.images(drawing.Source(3, psi).z(sampler, 16)).astype(int) for psi in (None, 0.05))
        limit = 0.1 * whole.std(0).mean()
        assert cut.std(0).mean() < limit
        source = drawing.Source(3, 0.05)
        assert sampler.images(drawing.best_of(sampler, source, None, 8, 2)[0]).std(0).mean() < limit
        assert drawing.interpolation(sampler, source, None, 2, 5).reshape(10, -1).std(0).mean() < limit
        (strip,) = showing.strips(sampler, source, 1).astype(int)
    assert np.abs(strip[4] - cut[0]).max() <= 1
    assert (np.diff(np.abs(strip - strip[4]).mean((1, 2, 3))) > 0).tolist() == [False] * 4 + [True] * 4, "farther and farther"
