"""Paths with characters that TensorFlow takes for patterns."""

import json
import pathlib
import shutil

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import tfgan
from tests.conftest import TINY
from tests.conftest import assert_same_variables
from tfgan import evaluate
from tfgan import export
from tfgan import report
from tfgan import sample
from tfgan.common import files
from tfgan.explore import folder
from tfgan.explore.generators import Generators
from tfgan.runs import read
from tfgan.tf1 import tf
from tfgan.training import warm_start

ODD = r"a[1]\b *?{x}%d"


def test_a_plain_path_has_the_same_files(tmp_path):
    """Of a folder, to read and to write; and of the files whose names begin so. A path without such characters stays."""
    with files.plain_path(tmp_path) as plain:
        assert plain == tmp_path
    odd = tmp_path / ODD
    odd.mkdir()
    for name in (f"{ODD}.index", f"{ODD}.data-00000-of-00001", "other"):
        (odd / name).write_text(name)
    with files.plain_path(odd) as plain:
        assert not {*"*?[]\\"} & {*str(plain)}
        (plain / "new").write_text("new")
    assert (odd / "new").read_text() == "new"
    with files.plain_path(odd / ODD) as plain:
        assert sorted(path.name for path in plain.parent.iterdir()) == ["plain.data-00000-of-00001", "plain.index"]
        assert plain.with_name("plain.index").read_text() == f"{ODD}.index"
    assert not plain.parent.exists()
    assert sorted(path.name for path in odd.iterdir()) == sorted([f"{ODD}.index", f"{ODD}.data-00000-of-00001", "other", "new"])


@pytest.fixture
def odd(runs, tmp_path):
    """The short run of mlp, in a folder with an odd name."""
    shutil.copytree(runs / "logs" / "mlp-digits", tmp_path / ODD / "mlp-digits")
    return tfgan.find_run("mlp-digits", tmp_path / ODD)


def test_a_run_is_sampled(odd, runs):
    images = []
    for run in (odd, tfgan.find_run("mlp-digits", runs / "logs")):
        with tfgan.Sampler(run) as sampler:
            images.append(sampler.images(sampler.z(3, seed=1)))
    np.testing.assert_array_equal(*images)


@pytest.mark.parametrize("model", ["model.ckpt-3", f"{ODD}.ckpt-3"])
@pytest.mark.parametrize("ending", ["", ".index", ".meta", ".data-00000-of-00001", "folder"])
def test_a_warm_start_reads_a_checkpoint_by_any_of_its_names(tmp_path, model, ending):
    """The folder's record names it by its whole path."""
    place = tmp_path / ODD
    place.mkdir()
    with tf.Graph().as_default(), tf.Session() as session:
        tf.get_variable("generator/dense/bias", initializer=np.arange(128, dtype=np.float32))
        session.run(tf.global_variables_initializer())
        prefix = tf.train.Saver().save(session, str(place / model))
    values = warm_start.read(place if ending == "folder" else prefix + ending, tfgan.recipe("vanilla"))
    np.testing.assert_array_equal(values["generator/dense/bias"], np.arange(128))


@pytest.mark.slow
def test_a_run_goes_on_and_begins_others(run, tmp_path):
    """Its logs and pictures are complete, as TensorBoard reads them."""
    def train(place, *more):
        folders = [f"--{name}-dir={place}/{name}" for name in ("log", "out", "data")]
        return run(*TINY, "--model=vanilla", *folders, *more)

    assert train("plain", "--run=run", "--iterations=4")[0] == 0
    for iterations in (2, 4):
        status, out, err = train(ODD, "--run=run", f"--iterations={iterations}")
        assert (status, err) == (0, "")
    assert "Continuing run from iteration 2 of 4" in out
    logs = tmp_path / ODD / "log" / "run"
    assert_same_variables(
        *(saved_variables_of(tmp_path / place / "log" / "run" / "checkpoints" / "000004") for place in ("plain", ODD))
    )
    events = EventAccumulator(str(logs))
    events.Reload()
    assert [event.step for event in events.Scalars("loss/d_loss")] == [0, 1, 3]
    assert train(ODD, "--run=other", "--iterations=1", f"--init-from={logs}/checkpoints")[0] == 0


def saved_variables_of(folder):
    """As `saved_variables`, of a checkpoint anywhere."""
    with files.plain_path(folder) as plain:
        reader = tf.train.load_checkpoint(str(plain / "model"))
        return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


@pytest.mark.slow
def test_what_is_made_of_a_run(odd, command, tmp_path):
    """Samples, films, a report, figures, every format of export."""
    logs = ("--run", odd.logs)
    for module, options in (
        (sample, ("--to", f"{ODD}.png")), (sample, ("--interpolate=3", "--film=mp4", "--to", f"{ODD}-film.png")),
        (evaluate, ("--features=random", "--images=20", "--data-dir", ODD)), (export, ("--to", f"{ODD}-export")),
    ):  # fmt: skip
        status, _, err = command(module)(*logs, *options)
        assert (status, err) == (0, ""), module
    assert pathlib.Path(f"{ODD}-film.mp4").stat().st_size > 1000
    assert len(json.loads(pathlib.Path(f"{ODD}-export/model.json").read_text())["files"]) == 3
    assert command(report)(*logs, "--out-dir", ODD)[0] == 2, "no grids are here"


@pytest.mark.slow
def test_a_page_is_written_and_opened(odd, tmp_path):
    folder.write(odd, read.checkpoint_iterations(odd.checkpoints)[-1], tmp_path / f"{ODD}-page")
    source = Generators(folder.run_of(tmp_path / f"{ODD}-page"))
    iteration, _ = source.first()
    with tfgan.Sampler(odd) as sampler:
        z = sampler.z(3, seed=1)
        np.testing.assert_array_equal(source.open(iteration).images(z), sampler.images(z))
