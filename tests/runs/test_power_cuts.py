"""A power cut at any moment: what was promised to be there is there, whole; see `disk.Disk`."""

import functools
import hashlib
import json
import os
import shutil

import numpy as np
import pytest

from tests.datasets.test_decode import encoded
from tests.datasets.test_decode import photo
from tests.datasets.test_sources import make
from tests.runs.disk import Disk
from tfgan import datasets
from tfgan.common import files
from tfgan.common import folders
from tfgan.datasets import download
from tfgan.datasets import pack
from tfgan.runs import checkpoints
from tfgan.runs import manifests
from tfgan.runs import read
from tfgan.runs.checkpoints import Checkpoints
from tfgan.sampling import exports
from tfgan.tf1 import tf

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="needs /proc to tell which file is synced")


@pytest.fixture
def place(tmp_path):
    (tmp_path / "place" / "packed").mkdir(parents=True)
    return tmp_path / "place"


@pytest.fixture
def watched(place, tmp_path, monkeypatch):
    """watched(check): from now on check(folder) is called on each different state that a power cut would leave of `place`.

    Gives a function that checks all states of this moment; at_once=False: nothing else does.
    """

    def of(check, at_once=True):
        seen = set()

        def look(again=False):
            for state in disk.states():
                key = frozenset((name, hashlib.sha256(content).digest()) for name, content in state.items())
                if again or key not in seen:
                    seen.add(key)
                    left = tmp_path / "left"
                    for name, content in state.items():
                        (left / name).parent.mkdir(parents=True, exist_ok=True)
                        (left / name).write_bytes(content)
                    left.mkdir(exist_ok=True)
                    check(left)
                    shutil.rmtree(left)

        disk = Disk(place, monkeypatch, look if at_once else lambda: None)
        return functools.partial(look, again=True)

    return of


def test_a_disk_forgets_what_was_not_synced(place, watched):
    """The disk of these tests itself: which states there are after a rename, with and without the syncs around it."""
    (place / "a").write_text("old")
    left = []
    look = watched(lambda folder: left.append({path.name: path.read_text() for path in folder.iterdir()}))

    def states():
        left.clear()
        look()
        return sorted(left, key=lambda files: sorted(files.items()))

    (place / "b").write_text("new")
    assert states() == [{"a": "old"}, {"a": "old", "b": ""}]
    os.replace(place / "b", place / "a")
    assert states() == [{"a": ""}, {"a": "old"}]
    files.fsync(place / "a")
    assert states() == [{"a": "new"}, {"a": "old"}]
    files.fsync(place)
    assert states() == [{"a": "new"}]
    (place / "a").unlink()
    assert states() == [{}, {"a": "new"}]


def test_a_whole_file_is_the_old_or_the_new_one(place, watched):
    (place / "file").write_bytes(b"old")
    allowed = {b"old", b"new"}

    def check(left):
        assert (left / "file").read_bytes() in allowed

    look = watched(check)
    with files.atomic_write(place / "file") as file:
        file.write(b"new")
    allowed = {b"new"}
    look()


def test_checkpoints(graph, place, watched, capsys):
    """While one is saved, that before it or the new one is the newest, whole; afterwards the new one. None is found damaged."""
    variable = tf.get_variable("v", initializer=np.zeros(3, np.float32), use_resource=True)
    kept, allowed, best = Checkpoints(place, 2), {None}, {None}

    def check(left):
        assert manifests.newest_whole(left) in allowed
        assert "Warning" not in capsys.readouterr().out
        named = (left / "checkpoint").read_text() if (left / "checkpoint").exists() else None
        assert named in {n and f'model_checkpoint_path: "{n:06d}/model"\n' for n in allowed}
        found = read.read_best(left)
        assert (found and found["iteration"]) in best
        if best == {2}:
            assert manifests.find_damage(left / "000002") is None

    look = watched(check)
    with tf.Session() as session:
        for iteration in range(1, 6):
            variable.load(np.full(3, iteration, np.float32), session)
            allowed = allowed | {iteration}
            kept.save(session, iteration)
            allowed = {iteration}
            look()
            if iteration == 2:
                best = {None, 2}
                kept.keep_best({"iteration": 2, "metric": "recall", "value": 0.5})
                best = {2}
                look()
    assert checkpoints.checkpoint_iterations(place) == [2, 4, 5]


BITMAPS = [{f"{kind}/{n}.bmp": encoded(photo(30, 30, n + seed), "BMP") for n in range(2) for kind in "ab"} for seed in (0, 9)]


def packed(left):
    """The manifest's and the array's SHA-256 of what is packed there, with whole files alone: [(said, found)]."""
    return [
        (data.sha256, hashlib.sha256(np.ascontiguousarray(data.images)).hexdigest())
        for name in pack.list_manifests("own", left)
        if (data := pack.load_packed(name, left, lambda manifest: True))
    ]


@pytest.mark.parametrize("labelled", [True, False])
def test_packed_pictures(place, watched, tmp_path, labelled):
    """No manifest is ever beside another array, also when other pictures are packed over the first; packed ones stay."""
    there = False

    def check(left):
        found = packed(left)
        assert all(said == is_there for said, is_there in found)
        assert found or not there

    look = watched(check)
    for bitmaps in BITMAPS:
        pictures = {name if labelled else name.replace("/", ""): picture for name, picture in bitmaps.items()}
        datasets.load(str(make(tmp_path / "mine", pictures)), place, datasets.Request((8, 8)))
        there = True
        look()
        there = False


def test_an_export(place, watched):
    """What is exported is there when the command says so, in place of what was."""
    names = (exports.ABOUT, exports.FILES["tflite"], f"{exports.FILES['savedmodel']}/inner/part")

    def write(folder, content):
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(json.dumps({"content": content}))

    def check(left):
        assert [json.loads((left / "there" / name).read_text())["content"] for name in names] == ["new"] * 3

    (place / "there").mkdir()
    look = watched(check, at_once=False)
    for content in ("old", "new"):
        with folders.new_version(place / "there", exports.ABOUT, "export") as part:
            write(part, content)
    look()


def test_a_download(place, watched, monkeypatch):
    """A file under its own name is whole, for it is used as it is; and it is there when the command says so."""
    content, there = b"the file", False
    file = download.RemoteFile("file", ("http://mirror/file",), f"md5:{hashlib.md5(content).hexdigest()}", len(content))
    monkeypatch.setattr(download, "_receive", lambda url, file, part, offset: part.write_bytes(content))

    def check(left):
        assert (left / "file").exists() or not there
        assert not (left / "file").exists() or (left / "file").read_bytes() == content

    look = watched(check)
    assert download.fetch(file, place) == place / "file"
    there = True
    look()


def test_what_a_checkpoint_follows_is_on_the_disk_before_it(run, tmp_path, monkeypatch):
    """The lines of metrics and TensorBoard's events of the iterations before it: a run goes on from it and makes them no more."""
    logs = tmp_path / "logs" / "run"
    logs.mkdir(parents=True)
    found = {}

    def look():
        iteration = max(checkpoints.checkpoint_iterations(logs / "checkpoints"), default=None)
        if iteration is not None and iteration not in found:
            disk_has = [path.name for path in (logs / "metrics.jsonl", *logs.glob("events*")) if disk.has(path)]
            [events] = [path for path in logs.glob("events*") if ".0000000000." not in path.name]
            found[iteration] = disk_has, histograms_in(events)

    monkeypatch.setattr("tfgan.view.gallery.make", lambda *of_a_run: None)
    disk = Disk(logs, monkeypatch, look)
    options = ("--model=vanilla", "--batch-size=8", "--run=run", "--summary-every=5", "--sample-every=50")
    assert run(*options, "--iterations=16", "--histogram-every=7", "--checkpoint-every=8", "--keep=9")[0] == 0
    assert {iteration: steps for iteration, (_, steps) in found.items()} == {8: {0, 7}, 16: {0, 7, 14}}
    assert [len(names) for names, _ in found.values()] == [3, 3], "that the run came to its end is said after its last pictures"
    assert all("metrics.jsonl" in names for names, _ in found.values())


def histograms_in(path):
    """The iterations whose histograms are in a file of events."""
    events = [tf.Event.FromString(event) for event in tf.io.tf_record_iterator(str(path))]
    return {event.step for event in events for value in event.summary.value if value.tag == "generator/dense/kernel"}
