"""What is due when, on a clock that is set by hand."""

import pytest

from tfgan.training.cadence import Cadence


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
    cadence = Cadence(every=7, usual=100)
    for iteration in range(50):
        assert cadence.due(iteration) == (iteration % 7 == 0)
        if cadence.due(iteration):
            spend(cadence, clock, 1000)


def test_the_usual_interval_stretches_to_the_share_of_time(clock):
    cadence = Cadence(every=None, usual=10, share=0.01)
    assert [n for n in range(35) if cadence.due(n)] == [0, 10, 20, 30]
    spend(cadence, clock, 5)  # the first time counts for nothing
    assert cadence.due(10)
    spend(cadence, clock, 2)  # 2 s are a hundredth of 200 s: 198 s of other work come first
    clock[0] += 197
    assert not cadence.due(20)
    clock[0] += 2
    assert not cadence.due(21)
    assert cadence.due(30)


def test_what_costs_little_keeps_the_usual_interval(clock):
    cadence = Cadence(every=None, usual=10, share=0.01)
    for iteration in range(0, 1000, 10):
        assert cadence.due(iteration)
        spend(cadence, clock, 0.001)
        clock[0] += 10 * 0.011
