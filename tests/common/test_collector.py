"""Python's garbage collector rests where it is told to, and works again afterwards."""

import gc

import pytest

from tfgan.common import collector
from tfgan.training import steps


@pytest.fixture(autouse=True)
def nothing_frozen():
    """The tests' own objects are frozen otherwise."""
    gc.unfreeze()
    yield
    gc.freeze()


@pytest.mark.parametrize("context", [collector.disabled, collector.frozen])
def test_all_is_as_before_an_exception(context):
    with pytest.raises(KeyError), context():
        raise KeyError
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_disabled():
    with collector.disabled():
        with collector.disabled():
            pass
        assert not gc.isenabled(), "whoever had it off has it off still"
    assert gc.isenabled()


def test_frozen():
    looked_at = len(gc.get_objects())
    with collector.frozen():
        assert len(gc.get_objects()) < looked_at / 10
    assert len(gc.get_objects()) > looked_at * 0.9


def test_what_the_program_has_frozen_stays_frozen():
    gc.freeze()
    before = gc.get_freeze_count()
    with collector.frozen():
        new = [[]]
        assert any(each is new for each in gc.get_objects())
    assert gc.get_freeze_count() == before


@pytest.mark.slow
def test_a_run_is_trained_with_its_graph_passed_over(run, monkeypatch):
    """And with a collector that works: what an iteration leaves behind is collected."""
    fused, seen = steps.fused, []

    def watched(*arguments):
        step, step_measured = fused(*arguments)

        def counted(session, iteration):
            seen.append((gc.get_freeze_count(), gc.isenabled()))
            step(session, iteration)

        return counted, step_measured

    monkeypatch.setattr(steps, "fused", watched)
    assert run("--batch-size", 8, "--iterations", 3)[0] == 0
    assert len(seen) == 1
    assert seen[0][0] > 10_000
    assert seen[0][1]
    assert gc.get_freeze_count() == 0
