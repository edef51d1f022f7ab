"""When something is due, on a clock that is set by hand, and what is not finite."""

import pytest

from tfgan.errors import Diverged
from tfgan.training import instruments
from tfgan.training.instruments import Cadence


@pytest.fixture
def clock(monkeypatch):
    """[now], in seconds."""
    now = [100.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    return now


def spend(cadence, clock, seconds):
    with cadence.spending():
        clock[0] += seconds


def test_the_users_interval_is_kept_at_any_cost(clock):
    cadence = Cadence(limited=False)
    for _ in range(9):
        assert cadence.is_free()
        spend(cadence, clock, 1000)


def test_what_costs_much_waits_for_its_share_of_the_time(clock):
    cadence = Cadence(limited=True, share=0.01)
    assert cadence.is_free()
    spend(cadence, clock, 5)  # the first time counts for nothing
    assert cadence.is_free()
    spend(cadence, clock, 2)  # 2 s are a hundredth of 200 s: 198 s of other work come first
    clock[0] += 197
    assert not cadence.is_free()
    clock[0] += 2
    assert cadence.is_free()


def test_what_costs_little_is_done_each_time(clock):
    cadence = Cadence(limited=True, share=0.01)
    for _ in range(100):
        assert cadence.is_free()
        spend(cadence, clock, 0.001)
        clock[0] += 10 * 0.011


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_measure_that_is_not_finite_ends_training(value):
    instruments.check_measures({"d_loss": 1e30, "g_loss": -1e30}, 7)
    with pytest.raises(Diverged, match=f"^g_loss is {value} at iteration 7$"):
        instruments.check_measures({"d_loss": 1.0, "g_loss": value}, 7)
