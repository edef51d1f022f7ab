"""What hosts that train together must have in common: told by each, compared by each, one difference at a time."""

import dataclasses
import json
import shutil
import time
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import tfgan
from tfgan import recipes
from tfgan import train
from tfgan.distribution import server
from tfgan.distribution.agreement import Agreement
from tfgan.distribution.cluster import Cluster
from tfgan.errors import PeerLost
from tfgan.errors import UserError
from tfgan.tf1 import tf
from tfgan.tf1 import tf2
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


def eight_images(settings):
    """Data of the recipe, as `start.read_data` returns them."""
    return start.TrainingData(np.zeros((8, 28, 28, 3), np.uint8), "0" * 64, settings.recipe)


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


def agreement(task, others, hosts=("a:1", "b:2"), before=lambda options: None):
    """The `Agreement` of a process, without a server. others: task -> what that process tells. before: called first."""
    made = Agreement.__new__(Agreement)
    made._cluster, made._session, made._open = Cluster(hosts, task), None, True

    def run(session, own, options):
        before(options)
        rows = own.reshape(len(hosts), -1).copy()
        for other, message in others.items():
            text = json.dumps(message).encode()
            rows[other, : len(text)] = bytearray(text)
        return rows.ravel()

    made._sum = SimpleNamespace(run=run)
    return made


COMMON = {"seed": 0, "data_sha256": "a", "subset": [0, 50], "d_steps": 1, "images": None, "xla": False, "smooth": 0.1, "z": "é"}


@pytest.mark.parametrize("task", [0, 1])
def test_any_difference_is_refused_by_name(task):
    """By the chief and by the other; both values are said, and a fact that only one of them knows is a difference, too."""

    def agree(mine, theirs):
        agreement(task, {1 - task: theirs}).agree(mine)

    agree(COMMON, dict(reversed(COMMON.items())))
    others = {"seed": 1, "data_sha256": "b", "subset": [0, 51], "d_steps": 2, "images": 4, "xla": True, "new": 5}
    for name, other in others.items():
        values = (COMMON.get(name), other) if task == 0 else (other, COMMON.get(name))
        with pytest.raises(UserError) as refused:
            agree(COMMON, {**COMMON, name: other})
        said = f"the processes differ: {name} is {values[0]!r} in task 0, {values[1]!r} in task 1. Give all of them"
        assert str(refused.value).startswith(said)
    with pytest.raises(UserError, match="smooth is .*; xla is "):
        agree(COMMON, {**COMMON, "smooth": 0, "xla": True})


def test_who_refuses_is_named_with_the_reason():
    """Also where the others wait for the beginning, and though it is no chief."""
    others = {0: COMMON, 2: {"refusal": "no such folder"}}
    for wait in (lambda it: it.agree(COMMON), lambda it: it.begin()):
        with pytest.raises(UserError, match="^task 2 at c:3 has ended: no such folder$"):
            wait(agreement(1, others, ("a:1", "b:2", "c:3")))


def test_a_refusal_is_told_once_and_not_for_long():
    """Not to those who know it already, and not in the middle of training."""
    limits = []
    told = {"others": {1: COMMON}, "before": lambda options: limits.append(options.timeout_in_ms)}
    error = UserError("no such folder")
    agreement(0, **told).refuse(error)
    assert limits.pop() == 10_000
    training, differing = agreement(0, **told), agreement(0, **told)
    training.begin()
    with pytest.raises(UserError):
        differing.agree({})
    limits.clear()
    for each in (training, differing):
        each.refuse(error)
    assert limits == []


@pytest.mark.parametrize("late", [True, False])
def test_a_process_says_what_it_waits_for(monkeypatch, capsys, late):
    monkeypatch.setattr("tfgan.distribution.agreement._TOLD_AFTER_S", 0.05 if late else 60)
    agreement(0, {1: COMMON}, before=lambda options: time.sleep(0.5 if late else 0)).agree(COMMON)
    assert capsys.readouterr().out == ("Waiting until all hosts have read their data\n" if late else "")


def test_hosts_that_never_begin_are_not_waited_for(monkeypatch):
    def too_late(session, fetches, feed, options):
        assert options.timeout_in_ms == 600_000
        raise tf.errors.DeadlineExceededError(None, None, "Operation timed out.")

    monkeypatch.setattr("tfgan.distribution.agreement.Session.run", too_late)
    strategy = tf2.distribute.MirroredStrategy(["/cpu:0"])
    with pytest.raises(UserError, match="waited 600 s in vain for all hosts to begin; start all of them again"):
        Agreement(Cluster(("a:1", "b:2"), 0), strategy, 0, "", tf.ConfigProto())


@pytest.mark.parametrize(("error", "message", "words"), [
    (tf.errors.UnavailableError, "From /job:worker/replica:0/task:1:\nCollective ops is aborted by: ping timeout\nAdditional "
     "GRPC error information from remote target /job:worker/replica:0/task:0 while calling /RecvBuf", "task 0 at a:1"),
    (tf.errors.FailedPreconditionError, "Device d current incarnation doesn't match with one in the group", "another process"),
])  # fmt: skip
def test_who_is_lost_is_named(error, message, words):
    told = f"^{words} is gone, or cannot be reached; start all processes again"
    with pytest.raises(PeerLost, match=told), server.noticing(Cluster(("a:1", "b:2"), 1)):
        raise error(None, None, message)


def test_ones_own_errors_are_not_of_others():
    for error, message in ((tf.errors.InvalidArgumentError, "NaN"), (tf.errors.ResourceExhaustedError, "OOM at a remote target")):
        with pytest.raises(error), server.noticing(Cluster(("a:1", "b:2"), 1)):
            raise error(None, None, message)
