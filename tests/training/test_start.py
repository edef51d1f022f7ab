"""What a run reads, what it is called, and which real images its samples are measured with; nothing is trained."""

import pathlib
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tests.datasets.test_sources import make
from tests.training.test_options import settings_of
from tfgan import recipes
from tfgan.datasets.classes import Classes
from tfgan.errors import UserError
from tfgan.training import start


class Reached(Exception):
    """Ends the command where it has what the test looks at."""


PICTURES = ("--dataset=.", "--model=compact", "--image-size=64")


def write_pictures(*names):
    """Small ones; each has a level of its own, 10 for the first, 20 for the second and so on."""
    for n, name in enumerate(names, 1):
        pathlib.Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 10 * n).save(name)


def levels(*arguments):
    """The levels of the pictures that a run with these options trains on."""
    data = start.read_data(settings_of(*PICTURES, *arguments))
    return np.asarray(data.images)[:, 0, 0, 0].tolist()


def test_own_folders_are_not_trained_on(tmp_path, monkeypatch):
    """What `tfgan` packed, logged and drew beside the user's pictures, wherever the options put it."""
    monkeypatch.chdir(tmp_path)
    write_pictures("a.png", "cats/b.png", "data/c.png", "logs/x/d.png", "out/e.png", "kept/f.png", "runs/g.png", "drawn/h.png")
    assert levels() == [10, 20, 80, 60, 70]
    assert levels("--data-dir=kept", "--log-dir=runs", "--out-dir=drawn") == [10, 20, 30, 40, 50]


def test_damaged_pictures_are_left_out_if_the_user_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pictures("a.png", "c.png")
    make(tmp_path, {"b.png": b"no picture"})
    with pytest.raises(UserError, match=r"^1 of 3 pictures in .* more than 5%.*--keep-going"):
        levels()
    assert levels("--keep-going") == [10, 20]


def test_a_dry_run_counts_the_classes_that_would_be_trained_on(run):
    write_pictures("cats/a.png", "dogs/b.png", "out/c.png", "logs/x/d.png")
    make(pathlib.Path(), {"dogs/e.png": b"no picture"})
    status, out, err = run(*PICTURES, "--conditional", "--keep-going", "--dry-run")
    assert (status, "Warning: 1 of 3 pictures" in err) == (0, True), "the output is the recipe alone"
    assert '"classes": 2,' in out


def test_in_memory_or_mapped(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pictures("a.png")
    for arguments, mapped in (((), True), (("--in-memory",), False)):
        assert isinstance(start.read_data(settings_of(*PICTURES, *arguments)).images, np.memmap) == mapped


@pytest.mark.parametrize("classes", [None, ("cats", "dogs")])
def test_what_training_measures_with(monkeypatch, classes):
    """The half of the test images to choose by: the other half is for `tfgan.evaluate`."""

    def evaluator(*arguments, **named):
        raise Reached(*arguments, named)

    monkeypatch.setattr("tfgan.quality.evaluation.Evaluator", evaluator)
    settings = settings_of("--dataset=mnist", "--evaluate-every=5", "--evaluate-images=77", "--features=pixels", "--data-dir=d")
    data = SimpleNamespace(sha256="x", classes=classes and Classes(np.zeros(2, np.int32), classes))
    with pytest.raises(Reached) as reached:
        start.make_evaluator(settings, data)
    folders = tuple(map(pathlib.Path, ("d", "logs", "out")))
    expected = {"held_out": False, "classes": classes or (), "exclude": folders}
    assert reached.value.args == (recipes.recipe("dcgan28", "mnist"), "x", pathlib.Path("d"), "pixels", 77, expected)


@pytest.mark.parametrize(("arguments", "classes", "changed"), [
    ([], None, {}), (["--seed=9"], None, {"seed": 9}), (["--as-written"], None, {"as_written": True}),
    (["--init-from=old/a.ckpt"], None, {"init_from": "old/a.ckpt"}),
    (["--conditional"], ("cats", "dogs"), {"classes": {"cats": 1, "dogs": 2}, "labels_sha256": "y"}),
])  # fmt: skip
def test_what_config_json_keeps_of_a_run(tmp_path, monkeypatch, arguments, classes, changed):
    """All that decides its bits, and nothing of where its files are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(start.environment, "environment", lambda **arithmetic: arithmetic)
    settings = settings_of("--dataset=digits", "--data-dir=d", "--xla", *arguments)
    of_images = None if classes is None else SimpleNamespace(names=classes, counts=np.array([1, 2]), sha256="y")
    data = SimpleNamespace(sha256="x", classes=of_images)
    config = start.run_config(settings, SimpleNamespace(count=1797), data, 2)
    environment = config.pop("environment")
    assert (environment["replicas"], environment["xla"]) == (2, True)
    if "init_from" in changed:
        changed = {"init_from": str(tmp_path / changed["init_from"])}
    plain = {"seed": 0, "as_written": False, "images": 1797, "data_sha256": "x", "init_from": None}
    assert config == plain | {"recipe": settings.recipe.to_dict()} | changed


@pytest.mark.parametrize(("dataset", "arguments", "name"), [
    ("digits", None, "mlp-digits"), ("my pets & others", None, "mlp-my-pets-others"), ("digits", "mine", "mine"),
])  # fmt: skip
def test_a_runs_own_name(monkeypatch, dataset, arguments, name):
    def run_dir(name, logs, out):
        raise Reached(name, logs, out)

    monkeypatch.setattr("tfgan.runs.write.RunDir", run_dir)
    recipe = SimpleNamespace(model="mlp", dataset_name=dataset)
    settings = SimpleNamespace(recipe=recipe, log_dir="l", out_dir="o", run=arguments)
    with pytest.raises(Reached) as reached:
        start.prepare(settings, SimpleNamespace(chief=True))
    assert reached.value.args == (name, "l", "o")


def test_what_does_not_fit_into_memory(monkeypatch):
    def no_room(images):
        raise MemoryError

    monkeypatch.setattr(start.np, "array", no_room)
    with pytest.raises(UserError, match="^--in-memory needs 1,234.6 GB, more than there are; leave it out$"):
        start.read_all(SimpleNamespace(nbytes=1_234_567_000_000))
