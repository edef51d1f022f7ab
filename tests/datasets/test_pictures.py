"""Pictures that are packed: their labels, and the processes that decode them."""

import collections
import contextlib
import json
import os
import pathlib
import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

import tfgan
from tests.datasets.faulty_server import wait_for
from tests.datasets.test_decode import WHOLE
from tests.datasets.test_decode import encoded
from tests.datasets.test_decode import photo
from tests.datasets.test_pack import PHOTOS
from tests.datasets.test_pack import load
from tests.datasets.test_pack import packed_files
from tests.datasets.test_sources import make
from tfgan.datasets import decode
from tfgan.datasets import pack
from tfgan.datasets import pictures
from tfgan.datasets import sources
from tfgan.datasets.decode import Picture


def test_labels_are_encoded_in_the_order_of_the_names():
    assert pictures.encode_labels(["b", "a", "b"]) == ([1, 0, 1], ("a", "b"))
    assert pictures.encode_labels([]) == ([], ())


@pytest.mark.parametrize(("most", "sizes"), [(2**23, [64, 64, 2]), (5 * (3 * 4 + 1), [5] * 26), (1, [1] * 130)])
def test_pictures_go_to_the_processes_in_chunks(tmp_path, monkeypatch, most, sizes):
    """64 at the most, and fewer if they are large: here a byte each, and twelve of its pixels."""
    make(tmp_path / "mine", {f"{n:03}.jpg": b"x" for n in range(130)})
    source = sources.open_source(tmp_path / "mine")
    monkeypatch.setattr(pictures, "_CHUNK_BYTES", most)
    job = pictures.PicturePackingJob(source, None, (2, 2), WHOLE, False)
    chunks = [chunk for chunk, _ in job._chunks([Picture(name) for name in source.names])]
    assert [len(chunk) for chunk in chunks] == sizes
    assert [picture.name for chunk in chunks for picture in chunk] == source.names


def processes(group, words=""):
    """The processes of that group whose command line has these words."""
    found = []
    for place in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            state, _, its_group, *_ = (place / "stat").read_text().rpartition(")")[2].split()
            if int(its_group) == group and state != "Z" and words.encode() in (place / "cmdline").read_bytes():
                found.append(int(place.name))
    return found


RUN = "from tfgan.common.command import run_command; "
HANDLERS = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # background jobs ignore it


def start(code, tmp_path, **options):
    """A process that runs this code in tmp_path, with `load()` as here."""
    setting = "import pathlib, resource, time; from tfgan import datasets; from tfgan.datasets import decode\n"
    setting += "load = lambda: datasets.load('mine', pathlib.Path('data'), datasets.Request((28, 28)))\n"
    return subprocess.Popen(
        [sys.executable, "-c", setting + code], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


SLOW = "import time; fast = decode.decode; decode.decode = lambda *a: time.sleep(0.3) or fast(*a)\n"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_interrupted_packing_leaves_nothing_that_looks_finished(tmp_path, number):
    path = make(tmp_path / "mine", PHOTOS)
    process = start(HANDLERS + SLOW + "load()", tmp_path)
    part = tmp_path / "data" / "packed"
    while not list(part.glob("*.npy.part")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    time.sleep(0.1)
    process.send_signal(number)
    process.communicate(timeout=20)
    assert process.returncode != 0
    assert not [p for p in part.glob("*") if p.suffix in (".npy", ".json")]
    assert bool(list(part.glob("*.part"))) == (number == signal.SIGKILL)
    assert len(load(path.resolve(), tmp_path).images) == 6
    assert packed_files(tmp_path) == [".json", ".labels.npy", ".npy"]


@pytest.mark.slow
def test_two_processes_pack_once(tmp_path):
    make(tmp_path / "mine", PHOTOS)
    both = [start(SLOW + "print(load().images.shape)", tmp_path) for _ in range(2)]
    outputs = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    said = [out for out, _ in outputs]
    assert sum("Packed 6 pictures" in out for out in said) == 1
    assert sum("Another process is packing" in out for out in said) == 1
    assert all("(6, 28, 28, 3)" in out for out in said)


def test_a_full_disk_is_one_line(tmp_path):
    """A limit on the size of files stands for it: the write fails in the same call."""
    make(tmp_path / "mine", PHOTOS)
    code = RUN + "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000)); run_command(load)"
    process = start(code, tmp_path)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err.count("\n") == 1
    assert "cannot pack" in err
    assert "File too large" in err
    assert packed_files(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
@pytest.mark.slow
def test_no_process_outlives_the_one_it_works_for(tmp_path, number):
    many = {f"{n:03}.jpg": encoded(photo(40, 50, n), "JPEG") for n in range(3000)}
    make(tmp_path / "mine", many)
    process = start(HANDLERS + RUN + "run_command(load)", tmp_path, start_new_session=True)
    wait_for(lambda: processes(process.pid, "popen_loky"))
    process.send_signal(number)
    process.wait(20)
    wait_for(lambda: not processes(process.pid))
    assert bool(list((tmp_path / "data" / "packed").glob("*.part"))) == (number == signal.SIGKILL)


@pytest.mark.slow
def test_a_worker_that_is_killed_is_one_line(tmp_path):
    many = {f"{n:03}.jpg": encoded(photo(40, 50, n), "JPEG") for n in range(3000)}
    make(tmp_path / "mine", many)
    process = start(HANDLERS + RUN + "run_command(load)", tmp_path, start_new_session=True)
    wait_for(lambda: processes(process.pid, "popen_loky"))
    os.kill(processes(process.pid, "popen_loky")[0], signal.SIGKILL)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "was killed, or ran out of memory" in err.splitlines()[0]


@pytest.mark.slow
def test_two_processes_notice_a_touched_source(tmp_path):
    """Both compare, one after the other, and neither packs nor spoils the other's manifest."""
    path = make(tmp_path / "mine", PHOTOS)
    load(path, tmp_path)
    os.utime(path / "cat" / "0.jpg")
    slow = "import os, time; fast = os.fsync; os.fsync = lambda fd: time.sleep(0.4) or fast(fd)\n"
    both = [start(slow + "print(load().images.shape)", tmp_path) for _ in range(2)]
    outputs = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert not any("Packed" in out for out, _ in outputs)


def test_many_are_packed_by_processes_and_come_out_as_by_one(tmp_path, monkeypatch):
    """In order, with what is damaged told, from files and from an archive's bytes; and no process stays."""
    many = {f"{n:03}.jpg": encoded(photo(40 + n % 9, 50, n), "JPEG", quality=50) for n in range(300)}
    many |= {"017.jpg": b"x", "299.jpg": b"y"}
    by_processes = [load(make(tmp_path / name, many), tmp_path) for name in ("mine", "mine.zip", "mine.tar.gz")]
    assert not processes(os.getpgid(0), "popen_loky")
    monkeypatch.setattr(pictures, "_FEW", 1000)
    by_one = load(make(tmp_path / "other", many), tmp_path)
    assert len(by_one.images) == 298
    for data in by_processes:
        np.testing.assert_array_equal(data.images, by_one.images)
    manifests = pack.list_manifests("own", tmp_path / "data").values()
    assert len({manifest["checksum"] for manifest in manifests}) == 1, "whatever they came from"


def test_what_a_process_is_given_needs_no_module_that_only_the_first_one_uses():
    work = pickle.dumps((decode.decode_chunk, [decode.Picture("a.jpg")], decode.CentreCrop(108)))
    code = "import pickle, sys; pickle.load(sys.stdin.buffer); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], input=work, capture_output=True, check=True).stdout.decode().split()
    assert "simplejpeg" in loaded
    assert not {"tensorflow", "requests", "tqdm", "loky", "tfgan.datasets.pack"} & set(loaded)  # 0.1 s and more in each process


class Members:
    """A source of some files, none of which a process reads by itself."""

    known_hash = damage = None
    path = pathlib.Path("somewhere")

    def __init__(self, contents):
        self.others = collections.Counter({".txt": 3})
        self.contents = contents
        self.names = self.files = list(contents)

    def stamp(self):
        return self.names

    def location(self, name):
        return None

    def read(self, name):
        if self.contents[name] is None:
            raise sources.UnreadableMember("gone")
        return self.contents[name]


def pack_members(tmp_path, contents, size=(28, 28), crop=WHOLE, **options):
    source = Members(contents)
    selection = pictures.Selection([Picture(name) for name in source.names], notes=("Note: of the selection",))
    job = pictures.PicturePackingJob(source, lambda: selection, size, crop, False, **options)
    return pack.load_or_pack(job, "mine", tmp_path / "data")


def test_members_without_a_place_are_read_here_and_notes_are_said(tmp_path, capsys):
    data = pack_members(tmp_path, PHOTOS)
    np.testing.assert_array_equal(data.images, [decode.decode(content, (28, 28), WHOLE) for content in PHOTOS.values()])
    pack_members(tmp_path, PHOTOS)
    assert capsys.readouterr().out.count("Note: of the selection\n") == 2


def test_luminance_is_packed_as_it_is(tmp_path):
    levels = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    files = {f"{n}.png": encoded(Image.fromarray(image), "PNG") for n, image in enumerate(levels)}
    data = pack_members(tmp_path, files, crop=None, channels=1)
    np.testing.assert_array_equal(data.images[..., 0], levels)
    manifest = json.loads((tmp_path / "data" / "packed" / "mine.json").read_text())
    assert manifest["settings"] == {"size": [28, 28], "crop": None, "channels": 1}


@pytest.mark.parametrize("kind", ["grey", "coloured", "last coloured", "some unreadable", "none readable", "none"])
def test_whether_pictures_are_grey(kind):
    grey, coloured = (encoded(photo(40, 50).convert(mode), "JPEG") for mode in ("L", "RGB"))
    files = dict.fromkeys(map(str, range(40)), coloured if kind == "coloured" else grey)
    files |= {"last coloured": {"39": coloured}, "some unreadable": {"0": b"x", "3": None}}.get(kind, {})
    if kind.startswith("none"):
        files = dict.fromkeys(map(str, range(40)), b"x") if kind == "none readable" else {}
    assert pictures.are_grey(Members(files)) == (kind in ("grey", "some unreadable"))


def test_greyness_is_told_by_a_few_pictures(monkeypatch):
    looked_at = []
    source = Members(dict.fromkeys(map(str, range(100_000)), encoded(photo(40, 50).convert("L"), "PNG")))
    monkeypatch.setattr(source, "read", lambda name: looked_at.append(name) or source.contents[name])
    assert pictures.are_grey(source)
    assert 8 <= len(looked_at) <= 17
    assert int(looked_at[-1]) - int(looked_at[0]) > 90_000


@pytest.mark.parametrize("sentence", [None, "x.rar is not read: 7z x x.rar"])
def test_where_no_picture_is_there_what_is_there_is_said(tmp_path, monkeypatch, sentence):
    monkeypatch.setattr("tfgan.datasets.unread.refusal_inside", lambda source: sentence)
    with pytest.raises(tfgan.UserError) as error:
        pack_members(tmp_path, {})
    remedy = sentence or "give a folder or archive that does"
    assert str(error.value) == f"somewhere holds no pictures, but 3 .txt; {remedy}"


def test_classes_without_images():
    assert pictures.without_empty_classes([2, 0, 2], ("a", "b", "c")) == ([1, 0, 1], ("a", "c"))
    assert pictures.without_empty_classes([1, 1], ("a", "b")) == ([None, None], ())
    assert pictures.without_empty_classes([0, 0], ("a",)) == ([None, None], ())
    assert pictures.without_empty_classes([0, 1], ("a", "b")) == ([0, 1], ("a", "b"))
    assert pictures.without_empty_classes([[0, 1]], ("a", "b")) == ([[0, 1]], ("a", "b")), "attributes"
    assert pictures.without_empty_classes([None], ()) == ([None], ())
    assert pictures.without_empty_classes([], ("a", "b")) == ([], ("a", "b"))
