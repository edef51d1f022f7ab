"""Packing: the same array from folder and archive, once; nothing half-made; damage counted, listed and told."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tarfile
import time

import numpy as np
import pytest
from PIL import Image

import tfgan
from tests.faulty_server import wait_for
from tests.test_decode import encoded
from tests.test_decode import photo
from tests.test_sources import make
from tfgan import datasets
from tfgan.datasets import pack
from tfgan.datasets import pictures
from tfgan.datasets.decode import CentreCrop
from tfgan.datasets.decode import decode

PHOTOS = {f"{kind}/{n}.jpg": encoded(photo(90, 70, 10 * n + len(kind)), "JPEG") for n in range(3) for kind in ("cat", "horse")}
REQUEST = datasets.Request((28, 28))


@pytest.fixture
def decoded(monkeypatch):
    """The number of pictures decoded so far, as a list's length."""
    done = []
    monkeypatch.setattr(sys.modules[decode.__module__], "decode", lambda *given: done.append(given) or decode(*given))
    return done


def load(path, tmp_path, **changes):
    return datasets.load(str(path), tmp_path / "data", REQUEST._replace(**changes))


def packed_files(tmp_path):
    return sorted(path.name.split("28x28")[-1] for path in (tmp_path / "data" / "packed").glob("*"))


@pytest.mark.parametrize("name", ["mine", "mine.zip", "mine.tar", "mine.tar.gz"])
def test_folder_and_archives_give_the_same_array(tmp_path, name):
    data = load(make(tmp_path / name, PHOTOS), tmp_path)
    expected = [decode(PHOTOS[member], (28, 28), CentreCrop(None)) for member in sorted(PHOTOS)]
    order = np.argsort(list(PHOTOS), kind="stable") if name.endswith("gz") else range(6)  # that one keeps the archive's order
    assert isinstance(data.images, np.memmap)
    np.testing.assert_array_equal(data.images[order], expected)
    assert data.label_names == ("cat", "horse")
    assert data.labels[order].tolist() == [0, 0, 0, 1, 1, 1]
    assert data.labels.dtype == np.int32
    assert packed_files(tmp_path) == [".json", ".labels.npy", ".npy"]
    [manifest] = pack.manifests("own", tmp_path / "data").values()
    assert manifest["count"] == 6
    assert manifest["sha256"] == hashlib.sha256(np.ascontiguousarray(data.images)).hexdigest()


def test_an_unchanged_source_is_never_packed_again(tmp_path, decoded):
    path = make(tmp_path / "mine", PHOTOS)
    first = load(path, tmp_path)
    assert len(decoded) == 6
    assert (load(path, tmp_path).images == first.images).all()
    os.utime(path / "cat" / "0.jpg")  # touched, and the same
    load(path, tmp_path)
    assert len(decoded) == 6
    manifest = next((tmp_path / "data" / "packed").glob("*.json")).read_text()
    load(path, tmp_path)
    assert next((tmp_path / "data" / "packed").glob("*.json")).read_text() == manifest, "and that is noted"


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
    manifests = pack.manifests("own", tmp_path / "data").values()
    assert len({manifest["checksum"] for manifest in manifests}) == 1, "whatever they came from"


def processes(group, words=""):
    """The processes of that group whose command line has these words."""
    lines = subprocess.run(["ps", "-eo", "pgid=,pid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    found = [line.split(None, 3) for line in lines.splitlines()]
    return [int(pid) for pgid, pid, state, args in found if int(pgid) == group and words in args and state[0] != "Z"]


def change_bytes(path):
    """Another picture of the same size in bytes under the same name, with the same time."""
    before = path.stat()
    path.write_bytes(encoded(photo(90, 70, 99), "BMP"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000))
    assert path.stat().st_size == before.st_size


@pytest.mark.parametrize(
    "change",
    [
        change_bytes,
        lambda path: path.unlink(),
        lambda path: path.with_name("more.bmp").write_bytes(path.read_bytes()),
        lambda path: path.rename(path.with_name("zzz.bmp")),
    ],
    ids=["bytes", "removed", "added", "renamed"],
)
def test_a_changed_source_is_packed_again(tmp_path, decoded, change):
    bitmaps = {f"{n}.bmp": encoded(photo(90, 70, n), "BMP") for n in range(3)}
    path = make(tmp_path / "mine", bitmaps)
    before = load(path, tmp_path).images.copy()
    change(path / "1.bmp")
    del decoded[:]
    after = load(path, tmp_path).images
    assert len(decoded) == len(after)
    assert not np.array_equal(before, after)


def test_what_decides_the_pixels_is_compared(tmp_path, decoded, monkeypatch):
    path = make(tmp_path / "mine", PHOTOS)
    load(path, tmp_path)
    assert load(path, tmp_path, size=(20, 20)).images.shape == (6, 20, 20, 3)
    load(path, tmp_path)
    assert len(decoded) == 12, "each size has a file of its own"
    monkeypatch.setattr(pack, "_FORMAT", 2)
    load(path, tmp_path)
    assert len(decoded) == 18


def spoil_array(path):
    path.write_bytes(path.read_bytes()[:-1])


def spoil_manifest(path):
    manifest = path.with_suffix(".json")
    manifest.write_text(manifest.read_text()[:-30])


def other_array(path):
    np.save(path, np.zeros((5, 28, 28, 3), np.uint8))


@pytest.mark.parametrize("spoil", [spoil_array, spoil_manifest, other_array, lambda p: p.unlink(), lambda p: p.write_bytes(b"")])
def test_half_made_and_damaged_packs_are_made_anew(tmp_path, decoded, spoil):
    path = make(tmp_path / "mine", PHOTOS)
    first = load(path, tmp_path).images.copy()
    spoil(next((tmp_path / "data" / "packed").glob("own-mine-*28x28.npy")))
    assert (load(path, tmp_path).images == first).all()
    assert len(decoded) == 12


def test_damaged_pictures_are_left_out_counted_and_listed(tmp_path, capsys):
    good = {f"{n:02}.jpg": PHOTOS["cat/0.jpg"] for n in range(19)}
    path = make(tmp_path / "mine", good | {"07b.jpg": PHOTOS["cat/1.jpg"][:700]})
    for _ in range(2):
        assert len(load(path, tmp_path).images) == 19
        assert "Warning: 1 of 20 pictures in" in capsys.readouterr().out, "also when it was packed before"
    [rejects] = (tmp_path / "data" / "packed").glob("*.rejected.txt")
    name, reason = rejects.read_text().strip().split("\t")
    assert name == "07b.jpg"
    assert "truncated" in reason
    (path / "07b.jpg").unlink()
    load(path, tmp_path)
    assert packed_files(tmp_path) == [".json", ".npy"], "the old list goes"


def test_many_damaged_pictures_stop_unless_told_to_keep_going(tmp_path):
    path = make(tmp_path / "mine", PHOTOS | {"x.jpg": b"x"})
    with pytest.raises(tfgan.UserError, match=r"1 of 7 pictures.*more than 5%.*rejected.txt.*--keep-going"):
        load(path, tmp_path)
    assert packed_files(tmp_path) == [".rejected.txt"]
    assert len(load(path, tmp_path, keep_going=True).images) == 6


def test_labels_belong_to_the_pictures_that_are_left(tmp_path):
    path = make(tmp_path / "mine", PHOTOS | {"cat/1.jpg": b"x"})
    data = load(path, tmp_path, keep_going=True)
    assert data.labels.tolist() == [0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    ("files", "message"),
    [({"notes.txt": b""}, "holds no pictures"), ({"a.jpg": b"x"}, "none of the 1 pictures.*can be read")],
)
def test_nothing_to_pack(tmp_path, files, message):
    with pytest.raises(tfgan.UserError, match=message):
        load(make(tmp_path / "mine", files), tmp_path, keep_going=True)
    assert not list((tmp_path / "data" / "packed").glob("*.npy*"))


def test_a_damaged_archive_stops_unless_told_to_keep_going(tmp_path):
    path = make(tmp_path / "mine.tar", PHOTOS)
    with tarfile.open(path) as archive:
        last = archive.getmembers()[-1]
    path.write_bytes(path.read_bytes()[: last.offset_data + 100])
    with pytest.raises(tfgan.UserError, match=r"is damaged \(unexpected end.*--keep-going"):
        load(path, tmp_path)
    assert len(load(path, tmp_path, keep_going=True).images) == 5


def test_pillows_remarks_stay_inside(tmp_path, recwarn):
    path = make(tmp_path / "mine", PHOTOS)
    half_transparent = Image.new("P", (30, 30))
    (path / "p.png").write_bytes(encoded(half_transparent, "PNG", transparency=b"\x80\x40"))
    assert len(load(path, tmp_path).images) == 7
    assert not recwarn.list


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


def test_two_processes_pack_once(tmp_path):
    make(tmp_path / "mine", PHOTOS)
    both = [start(SLOW + "print(load().images.shape)", tmp_path) for _ in range(2)]
    outputs = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    said = [out for out, _ in outputs]
    assert sum("Packed 6 pictures" in out for out in said) == 1
    assert sum("Another process packs" in out for out in said) == 1
    assert all("(6, 28, 28, 3)" in out for out in said)


def test_a_full_disk_is_one_line(tmp_path):
    """A limit on the size of files stands for it: the write fails in the same call."""
    make(tmp_path / "mine", PHOTOS)
    code = "from tfgan.errors import run_command; resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000)); run_command(load)"
    process = start(code, tmp_path)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err.count("\n") == 1
    assert "cannot pack" in err
    assert "File too large" in err
    assert packed_files(tmp_path) == []


def test_the_manifest_says_what_the_array_was_made_of(tmp_path):
    load(make(tmp_path / "mine", PHOTOS), tmp_path)
    [path] = (tmp_path / "data" / "packed").glob("*.json")
    manifest = json.loads(path.read_text())
    assert manifest["settings"] == {"size": [28, 28], "crop": {"side": None}}
    assert (manifest["shape"], manifest["rejected"], manifest["source"]) == ([28, 28, 3], 0, str(tmp_path / "mine"))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_no_process_outlives_the_one_it_works_for(tmp_path, number):
    many = {f"{n:03}.jpg": encoded(photo(40, 50, n), "JPEG") for n in range(3000)}
    make(tmp_path / "mine", many)
    process = start(HANDLERS + "from tfgan.errors import run_command; run_command(load)", tmp_path, start_new_session=True)
    wait_for(lambda: processes(process.pid, "popen_loky"))
    process.send_signal(number)
    process.wait(20)
    wait_for(lambda: not processes(process.pid))
    assert bool(list((tmp_path / "data" / "packed").glob("*.part"))) == (number == signal.SIGKILL)


def test_a_worker_that_is_killed_is_one_line(tmp_path):
    many = {f"{n:03}.jpg": encoded(photo(40, 50, n), "JPEG") for n in range(3000)}
    make(tmp_path / "mine", many)
    process = start(HANDLERS + "from tfgan.errors import run_command; run_command(load)", tmp_path, start_new_session=True)
    wait_for(lambda: processes(process.pid, "popen_loky"))
    os.kill(processes(process.pid, "popen_loky")[0], signal.SIGKILL)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "was killed, perhaps for want of memory" in err.splitlines()[0]
