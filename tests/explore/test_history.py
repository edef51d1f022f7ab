"""What is read of a run's history, also while the run is being trained, goes on from a checkpoint, or is started over."""

import json

import numpy as np
import pytest

from tfgan.common import files
from tfgan.explore.history import History
from tfgan.runs import read


def line(iteration, **values):
    """A line of metrics.jsonl."""
    rng = np.random.default_rng(iteration)
    measures = {name: float(rng.random()) for name in ("d_loss", "g_loss", "d_real", "d_fake")}
    return json.dumps({"iteration": iteration, **measures, **values}) + "\n"


@pytest.fixture
def metrics(tmp_path):
    """The metrics.jsonl of a run that has no file yet."""
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs" / "metrics.jsonl"


@pytest.fixture
def history(metrics, tmp_path):
    return History(metrics.parent, "run", tmp_path / "out")


def append(path, text):
    with open(path, "a") as file:
        file.write(text)


def assert_lines(history, *expected):
    """The history has these lines, and no others."""
    iterations, values = history.lines()
    lines = [json.loads(each) for each in expected]
    assert iterations.tolist() == [each["iteration"] for each in lines]
    assert set(values) == {"d_loss", "g_loss", "d_real", "d_fake"}
    for name, found in values.items():
        np.testing.assert_array_equal(found, [each.get(name, np.nan) for each in lines])


def test_lines_that_are_added_are_read_once_and_whole(history, metrics, monkeypatch):
    parsed = []
    parse = read.parse_metrics
    monkeypatch.setattr(read, "parse_metrics", lambda content: parsed.append(content) or parse(content))
    assert_lines(history)
    append(metrics, line(0) + line(100) + line(200)[:20])
    assert_lines(history, line(0), line(100))
    append(metrics, line(200)[20:])
    assert_lines(history, line(0), line(100), line(200))
    assert_lines(history, line(0), line(100), line(200))
    assert sum(content.count(b"{") for content in parsed) == 3


def test_a_run_that_went_on_from_a_checkpoint(history, metrics):
    """Its last lines are gone, and others of the same iterations may have come since."""
    append(metrics, line(0) + line(100) + line(200))
    history.lines()
    metrics.write_text(line(0) + line(100))
    assert_lines(history, line(0), line(100))
    metrics.write_text(line(0) + line(100, d_loss=7.0) + line(200) + line(300))
    assert_lines(history, line(0), line(100, d_loss=7.0), line(200), line(300))


def test_a_run_that_was_started_over(history, metrics):
    append(metrics, line(0) + line(100) + line(200))
    history.lines()
    metrics.unlink()
    assert_lines(history)
    append(metrics, line(0, d_loss=7.0))
    assert_lines(history, line(0, d_loss=7.0))
    assert history.measures(50)[1]["d_loss"] == 7.0


def test_lines_without_some_measure_and_lines_that_are_none(history, metrics):
    """Lines of earlier versions, and of a disk that was full."""
    bare = '{"iteration": 0, "d_loss": 1.5, "g_loss": 2}\n'
    append(metrics, bare + '{"iteration": 50, "d_lo\n' + line(100))
    assert_lines(history, bare, line(100))


def test_the_slider_stops_at_every_grid_and_at_the_newest_line(history, metrics, tmp_path):
    assert history.moments() == []
    (tmp_path / "out").mkdir()
    for name in ("run-000000.png", "run-000150.png", "run-real.png", "run-000160-pair.png", "run-2-000170.png"):
        (tmp_path / "out" / name).write_bytes(name.encode())
    assert history.moments() == [0, 150]
    append(metrics, line(0) + line(100) + line(199))
    assert history.moments() == [0, 100, 150, 199]
    append(metrics, "".join(line(n) for n in range(200, 20_000)))
    moments = history.moments()
    assert moments == sorted(set(moments))
    assert {0, 150, 19_999} <= set(moments)
    assert 400 < len(moments) < 1100
    assert np.diff(moments).max() <= 150, "as the first lines are"


def test_the_grid_and_the_measures_of_a_moment_are_the_last_ones_up_to_it(history, metrics, tmp_path):
    append(metrics, line(10) + line(20))
    (tmp_path / "out").mkdir()
    for number in (0, 15):
        (tmp_path / "out" / f"run-{number:06d}.png").write_bytes(bytes([number]))
    expected = {9: (None, 0), 10: (10, 0), 15: (10, 15), 19: (10, 15), 20: (20, 15), 99: (20, 15)}
    for iteration, (of_line, of_grid) in expected.items():
        assert history.grid(iteration) == (of_grid, bytes([of_grid]))
        found = history.measures(iteration)
        assert found == (of_line and (of_line, {name: json.loads(line(of_line))[name] for name in found[1]}))
    assert history.grid(-1) is None


def test_whether_a_run_is_being_trained(history, metrics):
    assert not history.is_training()
    with files.exclusive_lock(metrics.parent / "lock"):
        assert history.is_training()
    assert not history.is_training()
