"""What hosts that train together must have in common: told by each, compared by each, one difference at a time."""

import dataclasses
import json
import shutil
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import tfgan
from tfgan import recipes
from tfgan import train
from tfgan.distribution.cluster import Cluster
from tfgan.distribution.peers import Peers
from tfgan.errors import UserError
from tfgan.tf1 import tf
from tfgan.training import options
from tfgan.training import start


class Told(Exception):
    """Ends the command where the facts are told."""


def facts_of(monkeypatch, *given, replicas=2, **changes):
    """The facts that a process tells that trains with these options and changes of the recipe."""

    def tell(facts):
        raise Told(json.loads(json.dumps(facts)))

    of = options.parser().parse_args(["--dataset=pictures", "--model=mlp", "--batch-size=4", *given])
    asked = options.settings(of)
    asked = dataclasses.replace(asked, recipe=asked.recipe.replace(**changes))
    team = SimpleNamespace(chief=False, local=(0,), count=replicas, agree=tell)
    with pytest.raises(Told) as told:
        train.train(asked, team)
    return told.value.args[0]


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """A folder with eight pictures, in the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()
    for n in range(8):
        Image.fromarray(np.full((30, 30, 3), 30 * n, np.uint8)).save(tmp_path / "pictures" / f"{n}.png")
    return tmp_path / "pictures"


def differences(one, other):
    return {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)}


# option -> the fact that it changes
OPTIONS = {
    "--seed=1": "seed",
    "--summary-every=7": "summary_every",
    "--sample-every=7": "sample_every",
    "--evaluate-every=7": "evaluate_every",
    "--deterministic": "deterministic",
    "--xla": "xla",
    "--mixed-precision": "number_format",
    "--sync-batch-norm": "sync_batch_norm",
}
# field of a recipe -> another value than mlp has there
FIELDS = {
    "model": "vanilla", "splits": ("test",), "subset": (0, 4), "image_shape": (14, 14, 3), "value_range": (0.0, 1.0), "z_dim": 5,
    "z_distribution": "normal", "z_of_g": "fresh", "d_sees_inference": True, "batch_size": 6, "last_batch": "drop", "flip": True,
    "order_seed": 1, "epochs": 2, "iterations": 5, "optimizer": "sgd", "learning_rate": 0.5, "beta1": 0.25, "beta2": 0.5,
    "epsilon": 0.5, "smooth": 0.5, "d_loss_weight": 0.5, "sample_count": 9, "real_count": 4, "show_pairs": True,
    "loss": "hinge", "penalty": "r1", "penalty_weight": 1.0, "d_normalization": "layer", "spectral_normalization": True,
    "d_steps": 2, "d_learning_rate": 0.5, "learning_rate_half_life": 5, "instance_noise": 0.5, "augment": ("color",),
    "projected": True, "projection_seed": 7, "g_average": 0.5,
}  # fmt: skip
TOGETHER = {
    "weight_clip": {"loss": "wasserstein", "weight_clip": 0.1},
    "instance_noise_half_life": {"instance_noise": 0.5, "instance_noise_half_life": 3},
    "conditional": {"conditional": "concat", "classes": 2},
    "classes": {"conditional": "concat", "classes": 3},
    "label_attributes": {"conditional": "concat", "classes": 2, "label_attributes": ("Smiling",)},
}


def eight_images(settings, team):
    """Data of the recipe, as `start.read_data` returns them."""
    return start.TrainingData([np.zeros((8, 28, 28, 3), np.uint8)], "0" * 64, settings.recipe)


def test_every_option_that_must_agree_is_told(pictures, monkeypatch):
    alike = facts_of(monkeypatch)
    assert differences(alike, facts_of(monkeypatch)) == set()
    for option, fact in OPTIONS.items():
        assert differences(alike, facts_of(monkeypatch, option)) == {fact}, option
    assert differences(alike, facts_of(monkeypatch, replicas=1)) == {"replicas"}
    own = ("--keep=9", "--checkpoint-every=7", "--log-dir=x", "--out-dir=y", "--in-memory", "--keep-going")
    assert differences(alike, facts_of(monkeypatch, *own)) == set(), "what is a host's own matter"


def test_every_field_of_the_recipe_is_told(pictures, monkeypatch):
    fields = {field.name for field in dataclasses.fields(recipes.Recipe)}
    assert fields == FIELDS.keys() | TOGETHER.keys() | {"dataset"}
    monkeypatch.setattr(start, "read_data", eight_images)
    alike = facts_of(monkeypatch)
    for name, value in FIELDS.items():
        displaced = {"iterations": {"epochs"}}.get(name, set())
        assert differences(alike, facts_of(monkeypatch, **{name: value})) == {name} | displaced, name
    for name, changes in TOGETHER.items():
        assert differences(alike, facts_of(monkeypatch, **changes)) == set(changes), name


def test_the_images_are_told_and_not_where_they_lie(pictures, monkeypatch):
    alike = facts_of(monkeypatch)
    moved = shutil.copytree(pictures, pictures.parent / "elsewhere")
    assert differences(alike, facts_of(monkeypatch, f"--dataset={moved}")) == set()
    Image.fromarray(np.full((30, 30, 3), 1, np.uint8)).save(pictures / "0.png")  # one grey level in one picture of eight
    assert differences(alike, facts_of(monkeypatch)) == {"data_sha256"}
    for more in "ab":
        shutil.copy(pictures / "0.png", pictures / f"{more}.png")
    assert differences(alike, facts_of(monkeypatch)) == {"data_sha256", "images"}
    monkeypatch.setattr(start, "read_data", eight_images)
    assert differences(facts_of(monkeypatch), facts_of(monkeypatch, "--shards=4")) == {"shards"}


def test_the_labels_are_told(pictures, monkeypatch):
    """Folders may sort the same pictures in the same order, and still another one of them is a cat."""
    for n in range(8):
        folder = pictures / ("cats" if n < 4 else "dogs")
        folder.mkdir(exist_ok=True)
        (pictures / f"{n}.png").rename(folder / f"{n}.png")
    alike = facts_of(monkeypatch, "--conditional")
    assert differences(alike, facts_of(monkeypatch, "--conditional")) == set()
    (pictures / "dogs" / "4.png").rename(pictures / "cats" / "4.png")
    assert differences(alike, facts_of(monkeypatch, "--conditional")) == {"labels_sha256"}


def test_versions_are_told(pictures, monkeypatch):
    alike = facts_of(monkeypatch)
    for what, name, fact in ((tfgan, "__version__", "tfgan"), (tf, "__version__", "tensorflow"), (np, "__version__", "numpy")):
        with monkeypatch.context() as patch:
            patch.setattr(what, name, "0.0")
            assert fact in differences(alike, facts_of(monkeypatch))
    with monkeypatch.context() as patch:
        patch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
        assert differences(alike, facts_of(monkeypatch)) == {"onednn"}


class Board:
    """The chief's notes, for all processes of a test."""

    def __init__(self, notes):
        self._notes = notes

    def run(self, fetches):
        return [self._notes.get(name) if what == "text" else name in self._notes for name, what in fetches]


def peers(task, notes, hosts=("a:1", "b:2")):
    """The `Peers` of a process of two, or of these hosts, on these notes: without servers."""
    made = Peers.__new__(Peers)
    made._cluster = Cluster(hosts, task)
    made._left, made._lost, made._all_know = threading.Event(), None, False
    made._facts, made._read = (
        [
            SimpleNamespace(name=f"{kind}{n}", there=(f"{kind}{n}", "there"), text=(f"{kind}{n}", "text"))
            for n in range(len(hosts))
        ]
        for kind in ("facts", "read")
    )
    made._write = lambda note, text="": notes.update({note.name: text})
    made._board = Board(notes)
    return made


COMMON = {"seed": 0, "data_sha256": "a", "subset": [0, 50], "d_steps": 1, "shards": None, "xla": False, "smooth": 0.1}


@pytest.mark.parametrize("task", [0, 1])
def test_any_difference_is_refused_by_name(task):
    """By the chief and by the other; both values are said, and a fact that only one of them knows is a difference, too."""

    def agree(mine, theirs):
        """theirs: of the other, which has told before, and has read."""
        peers(task, {f"facts{1 - task}": json.dumps({**theirs, "token": "other's"}), f"read{1 - task}": ""}).agree(mine)

    agree(COMMON, dict(reversed(COMMON.items())))
    others = {"seed": 1, "data_sha256": "b", "subset": [0, 51], "d_steps": 2, "shards": 4, "xla": True, "new": 5}
    for name, other in others.items():
        values = (COMMON.get(name), other) if task == 0 else (other, COMMON.get(name))
        with pytest.raises(UserError) as refused:
            agree(COMMON, {**COMMON, name: other})
        said = f"the processes differ: {name} is {values[0]!r} in task 0, {values[1]!r} in task 1. Give all of them"
        assert str(refused.value).startswith(said)
    with pytest.raises(UserError, match="smooth is .*; xla is "):
        agree(COMMON, {**COMMON, "smooth": 0, "xla": True})


def test_two_processes_of_one_task_are_told():
    class Overwriting(dict):
        """Notes on which the other process's facts come later."""

        def update(self, told):
            super().update(told)
            if "facts1" in told:
                self["facts1"] = json.dumps({**COMMON, "token": "other's"})

    with pytest.raises(UserError, match="two processes say that they are task 1"):
        peers(1, Overwriting({"facts0": json.dumps({**COMMON, "token": "chief's"}), "read0": ""})).agree(COMMON)


@pytest.mark.parametrize(("late", "words"), [
    ([1], "task 1 at b:2"), ([2], "task 2 at c:3"), ([1, 2], "task 1 at b:2, task 2 at c:3"), ([], None),
])  # fmt: skip
def test_who_has_not_read_its_data_is_named_after_ten_seconds(monkeypatch, capsys, late, words):
    """Once. Those that are ready, this process among them, are not waited for."""
    now, told = [0.0], json.dumps({**COMMON, "token": "another"})
    notes = {"read1": "", "read2": ""} | {f"facts{task}": told for task in (1, 2) if task not in late}

    def sleep(seconds):
        now[0] += seconds
        assert (capsys.readouterr().out == line) == (10 < now[0] - seconds < 10.15)
        if now[0] > 25:
            notes.update({f"facts{task}": told for task in late})

    line = f"Waiting until {words} has read its data and found the other hosts\n"
    monkeypatch.setattr("tfgan.distribution.peers.time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    peers(0, notes, ("a:1", "b:2", "c:3")).agree(COMMON)
    assert (now[0] > 25) == bool(late)
