"""The vote of all processes on whether to stop: how often it is held, and who may ask for a stop. No process is started."""

from types import SimpleNamespace

import numpy as np
import pytest

from tfgan.common import signals
from tfgan.distribution import team


@pytest.mark.parametrize(("vote_s", "iterations"), [(0.001, 4), (0.0001, 1), (0.01, 20), (0.1, 20)])
def test_how_often_processes_vote_on_a_stop(monkeypatch, graph, vote_s, iterations):
    """By iterations of 50 ms. Votes take 0.5% of the time, but there is one each second, however long a vote takes."""
    now, held = [0.0], []
    monkeypatch.setattr(team, "time", SimpleNamespace(monotonic=lambda: now[0]))
    vote = team._Vote(chief=True)
    vote._total = "total"

    def run(total, feed):
        now[0] += vote_s
        (ballot,) = feed.values()
        return ballot  # that of the chief, and nothing from the others

    stop = signals.STOP_SIGNALS[-1]
    for done in range(1, 201):
        now[0] += 0.05 + 1e-6
        before = now[0]
        answer = vote.take(SimpleNamespace(run=run), done, stop if done > 150 else 0)
        if now[0] > before:
            held.append(done)
        assert answer == (stop if done > 150 and held[-1] == done else 0)
    assert held[:2] == [1, 2]
    gaps = np.diff(held)[3:]
    assert gaps.min() >= iterations - 1
    assert gaps.max() <= iterations


def test_any_process_can_stop_all_and_the_chief_says_when_the_next_vote_is(graph):
    vote = team._Vote(chief=False)
    vote._total = "total"
    for number, wanted in enumerate(signals.STOP_SIGNALS):
        ballots = []
        sums = [float(n == number) for n in range(len(signals.STOP_SIGNALS))]
        session = SimpleNamespace(run=lambda total, feed, sums=sums, ballots=ballots: ballots.extend(feed.values()) or [*sums, 7])
        done = vote._next
        assert vote.take(session, done, 0) == wanted
        assert ballots == [[0.0] * (len(signals.STOP_SIGNALS) + 1)]
        assert [vote.take(None, done + n, 0) for n in range(1, 7)] == [0] * 6, "no vote before the chief's interval is over"
