"""`--as-written`: what each of its session runs is fed, by a session that only writes it down, against NumPy by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

import tfgan
from tfgan.datasets.batches import Batches
from tfgan.datasets.classes import Classes
from tfgan.training import steps

SEED = 4
LABELS = np.array([0, 2, 2, 1, 2, 0, 2, 2, 2, 1, 2], np.int32)  # of the eleven images of a conditional run


class Writing:
    """A session that writes down what it is asked, and gives each fetch a number of its own."""

    def __init__(self):
        self.runs = []

    def run(self, fetches, feed):
        self.runs.append((fetches, feed))
        return {name: 10.0 * len(self.runs) + place for place, name in enumerate(fetches)}


def trained(iterations, measured=(), pair=False, **changes):
    """([the runs of each iteration], [what they measured], images, batches), on eleven images."""
    recipe = tfgan.recipe("mlp").replace(subset=None, batch_size=4, **changes)
    images = np.random.default_rng(0).integers(0, 256, (11, 28, 28, 1), np.uint8)
    batches = Batches(images, recipe, SEED, classes=recipe.conditional and Classes(LABELS, ("a", "b", "c")))
    names = ("input_real", "input_z", "learning_rate", "d_train_op", "g_train_op", "g_loss", "g_gradient_norm", "fake")
    handles = {"input_y": None, **{name: name for name in names}}
    same = recipe.z_of_g == "same" and recipe.d_steps == 1
    if recipe.conditional is not None:
        handles |= {"input_y": "input_y", "input_y_fake": "input_y_fake", "input_y_g": "input_y_fake" if same else "input_y_g"}
    handles |= {"input_z_g": handles["input_z"] if same else "input_z_g", "d_step": "d_step" if recipe.d_steps > 1 else None}
    measures = {"d_loss": "d_loss", "d_real": "d_real", "g_loss": "of the fused loop", "g_gradient": "of the fused loop"}
    step, step_measured = steps.as_written(SimpleNamespace(**handles), measures, recipe, batches, SEED)
    runs, values = [], []
    for iteration in range(iterations):
        session = Writing()
        values.append(step_measured(session, iteration, pair) if iteration in measured else step(session, iteration))
        runs.append(session.runs)
    return runs, values, images, batches


def noise(kind, rows, number, stream):
    """stream: 0 for D's updates, 1 for G's."""
    generator = np.random.default_rng([SEED, number, 1 + stream])
    return generator.uniform(-1, 1, (rows, 96)) if kind == "uniform" else generator.normal(size=(rows, 96))


def labels(rows, number, stream):
    """As `noise`, in the proportions of `LABELS`."""
    return np.random.default_rng([SEED, number, 13 + stream]).choice(3, rows, p=[2 / 11, 2 / 11, 7 / 11])


def check(feed, expected):
    assert feed.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(feed[name], value, rtol=1e-6, atol=1e-6, err_msg=name)


CASES = {
    "the tutorials'": {},
    "fresh noise": {"z_of_g": "fresh"},
    "normal noise": {"z_distribution": "normal"},
    "three steps of D": {"d_steps": 3},
    "a half-life": {"learning_rate_half_life": 2},
    "both": {"d_steps": 2, "learning_rate_half_life": 3, "d_learning_rate": 1e-4},
    "labels": {"conditional": "concat", "classes": 3},
    "labels of fresh noise": {"conditional": "auxiliary", "classes": 3, "z_of_g": "fresh"},
    "labels in two steps of D": {"conditional": "projection", "classes": 3, "d_steps": 2},
}


@pytest.mark.parametrize("case", CASES)
def test_what_each_run_is_fed(case):
    """D's updates each on the next batch and noise of its own, G's last, at the iteration's rate; epochs end in a short batch."""
    changes = CASES[case]
    several, life = changes.get("d_steps", 1), changes.get("learning_rate_half_life")
    kind = changes.get("z_distribution", "uniform")
    runs, _, images, batches = trained(6, **changes)
    seen = []
    for iteration, of_iteration in enumerate(runs):
        assert [fetches for fetches, _ in of_iteration] == [{"": "d_train_op"}] * several + [{"": "g_train_op"}]
        rate = 3e-4 if life is None else 3e-4 * 2.0 ** -(iteration / life)
        for step, (_, feed) in enumerate(of_iteration[:-1]):
            number = iteration * several + step
            real = images[batches.indices(number)] / 127.5 - 1
            seen.append(len(real))
            z = noise(kind, len(real), number, 0)
            which = {"d_step": step} if several > 1 else {}
            if "conditional" in changes:
                y_fake = labels(len(real), number, 0)
                which |= {"input_y": LABELS[batches.indices(number)], "input_y_fake": y_fake}
            check(feed, {"input_real": real, "input_z": z, "learning_rate": rate, **which})
        same = several == 1 and changes.get("z_of_g") != "fresh"
        of_g = {"input_z": z} if same else {"input_z_g": noise(kind, len(real), iteration, 1)}
        if "conditional" in changes:
            of_g["input_y"] = LABELS[batches.indices(number)]
            of_g |= {"input_y_fake": y_fake} if same else {"input_y_g": labels(len(real), iteration, 1)}
        check(of_iteration[-1][1], {"input_real": real, "learning_rate": rate, **of_g})
    assert seen[:6] == [4, 4, 3, 4, 4, 3]


@pytest.mark.parametrize("d_steps", [1, 2])
def test_what_is_measured_where(d_steps):
    """D's measures in its first run of an iteration, before any update; G's in its own, through the updated D; none elsewhere."""
    runs, values, *_ = trained(2, measured=(1,), pair=True, d_steps=d_steps)
    assert values[0] is None
    fetched = [set(fetches.values()) for fetches, _ in runs[1]]
    assert fetched[0] == {"d_loss", "d_real", "fake", "input_real", "d_train_op"}
    assert fetched[1:-1] == [{"d_train_op"}] * (d_steps - 1)
    assert fetched[-1] == {"g_loss", "g_gradient_norm", "g_train_op"}
    first, last = runs[1][0][0], runs[1][-1][0]
    for name in ("d_loss", "d_real", "fake", "real"):
        assert values[1][name] == 10 + list(first).index(name)
    for name in ("g_loss", "g_gradient"):
        assert values[1][name] == 10 * (d_steps + 1) + list(last).index(name)
    assert (first["real"], first["fake"], last["g_gradient"]) == ("input_real", "fake", "g_gradient_norm")
