"""The hooks' figures and checks, and what the loop tells them, without a session."""

from types import SimpleNamespace

import pytest

from tfgan import recipes
from tfgan.errors import Diverged
from tfgan.training import guards
from tfgan.training import loop
from tfgan.training.hooks import alarms
from tfgan.training.hooks.hook import Hook


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_measure_that_is_not_finite_ends_training(value):
    guards.check_measures({"d_loss": 1e30, "g_loss": -1e30}, 7)
    with pytest.raises(Diverged, match=f"^g_loss is {value} at iteration 7$"):
        guards.check_measures({"d_loss": 1.0, "g_loss": value}, 7)


@pytest.mark.parametrize(("d_steps", "epochs"), [(1, [0, 0, 0, 1, 1, 1]), (2, [0, 0, 1, 2, 2, 3])])
def test_an_epoch_is_a_pass_of_d_over_the_data(d_steps, epochs):
    """D takes as many batches in an iteration as it has steps. An epoch has three batches here."""
    lines = []

    class Reader(Hook):
        def after_measures(self, line, batch):
            lines.append(line)

    recipe = recipes.recipe("vanilla").replace(d_steps=d_steps)
    context = SimpleNamespace(recipe=recipe, batches=SimpleNamespace(per_epoch=3))
    for iteration in range(6):
        loop.notify(context, [Reader(context)], iteration, {"d_loss": 1.0})
    assert lines == [{"iteration": n, "epoch": epoch, "d_loss": 1.0} for n, epoch in enumerate(epochs)]


def test_the_alarms_know_the_loss_and_its_smoothing(monkeypatch):
    """With smoothed labels D's least possible loss is not 0."""
    given = []
    monkeypatch.setattr(alarms, "Alarms", lambda *args: given.append(args) or SimpleNamespace(ringing=set()))
    recipe = recipes.recipe("vanilla").replace(loss="minimax", smooth=0.25)
    run = SimpleNamespace(metrics=list)
    settings = SimpleNamespace(stop_on_collapse=False)
    alarms.AlarmHook(SimpleNamespace(recipe=recipe, run=run, settings=settings, start=0, end=9)).begin()
    assert given == [("minimax", 0.25)]
