"""Packing: the same array from folder and archive, once; nothing half-made; damage counted, listed and told."""

import hashlib
import json
import os
import sys
import tarfile
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

import tfgan
from tests.datasets.test_decode import encoded
from tests.datasets.test_decode import photo
from tests.datasets.test_sources import make
from tfgan import datasets
from tfgan.datasets import __main__ as datasets_command
from tfgan.datasets import pack
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
    assert isinstance(data.images, np.memmap)
    np.testing.assert_array_equal(data.images, expected)
    assert data.label_names == ("cat", "horse")
    assert data.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.labels.dtype == np.int32
    assert packed_files(tmp_path) == [".json", ".labels.npy", ".npy"]
    [manifest] = pack.list_manifests("own", tmp_path / "data").values()
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


def test_arrays_of_other_images_stay_and_the_newest_is_the_last(tmp_path):
    """Also where the first one was removed meanwhile. What is here again is found again."""
    path = make(tmp_path / "mine", PHOTOS)
    loaded = [load(path, tmp_path).images.copy()]
    packed, names = tmp_path / "data" / "packed", []
    for step in range(3):
        (path / f"{step}.jpg").write_bytes(PHOTOS["cat/0.jpg"])
        loaded.append(load(path, tmp_path).images.copy())
        names.append(sorted(each.stem.split("28x28")[1] for each in packed.glob("*28x28*.json")))
        if step == 1:
            for each in packed.glob("*28x28.*"):
                each.unlink()
    assert names == [["", "-2"], ["", "-2", "-3"], ["-2", "-3", "-4"]]
    (name,) = {each.name.split("28x28")[0] + "28x28" for each in packed.glob("*.npy")}
    [settings] = {json.dumps(manifest["settings"]) for manifest in pack.list_manifests("own", tmp_path / "data").values()}
    earlier = pack.load_packed(name, tmp_path / "data", lambda manifest: manifest["settings"] == json.loads(settings))
    np.testing.assert_array_equal(earlier.images, loaded[3])
    (path / "2.jpg").unlink()
    np.testing.assert_array_equal(load(path, tmp_path).images, loaded[2])
    assert len(list(packed.glob("*28x28*.json"))) == 3


@pytest.mark.parametrize("option", ["--out-dir", "--log-dir"])
def test_the_folder_of_pictures_is_none_of_tfgans(run, command, tmp_path, option):
    make(tmp_path / "mine", PHOTOS)
    tries = [run("--dataset=mine", option, "mine/")]
    if option == "--out-dir":
        tries.append(command(datasets_command)("mine", option, "mine"))
    for status, _, err in tries:
        assert (status, f"{option} is mine, the folder of your pictures; give another one" in err) == (2, True)
    assert not (tmp_path / "data").exists()


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


def test_stopped_between_array_and_manifest(tmp_path, monkeypatch):
    """The manifest of the array before is gone by then: a source that is as it was then is packed again."""
    bitmaps = {f"{n}.bmp": encoded(photo(90, 70, n), "BMP") for n in range(3)}
    path = make(tmp_path / "mine", bitmaps)
    first = load(path, tmp_path).images.copy()
    times = (path / "1.bmp").stat()
    change_bytes(path / "1.bmp")
    with monkeypatch.context() as patch:
        patch.setattr(pack, "_write_manifest", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            load(path, tmp_path)
    (path / "1.bmp").write_bytes(bitmaps["1.bmp"])
    os.utime(path / "1.bmp", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert (load(path, tmp_path).images == first).all()


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


def test_a_stamp_that_cannot_be_renewed_is_no_failure(tmp_path, decoded, monkeypatch):
    """As in a data directory that is not one's own."""
    path = make(tmp_path / "mine", PHOTOS)
    load(path, tmp_path)
    monkeypatch.setattr("tfgan.common.files.exclusive_lock", Mock(side_effect=PermissionError(13, "Permission denied")))
    os.utime(path / "cat" / "0.jpg")
    assert len(load(path, tmp_path).images) == len(decoded) == 6
    (path / "cat" / "0.jpg").unlink()
    with pytest.raises(tfgan.UserError, match="cannot pack .*Permission denied; .*--packed-dir"):
        load(path, tmp_path)


@pytest.mark.parametrize("name", ["line\nend", "sp ace", "star*[x]", "n" * 240, b"no\xffutf".decode(errors="surrogateescape")])
def test_odd_names(tmp_path, name, capsys):
    """Of the folder and of pictures in it; the list of rejects keeps a line for each."""
    picture = PHOTOS["cat/0.jpg"]
    path = make(tmp_path / name, {f"{name[:20]}{n}.jpg": picture for n in range(25)} | {f"{name[:20]}x.jpg": b"x"})
    assert len(load(path, tmp_path).images) == 25
    [rejects] = (tmp_path / "data" / "packed").glob("*.rejected.txt")
    assert rejects.read_text().count("\n") == 1


def test_links_keep_their_own_name(tmp_path):
    """As where data are kept by their checksums: pets.zip leads to a file without that suffix."""
    make(tmp_path / "a.zip", PHOTOS).rename(tmp_path / "0f3a")
    (tmp_path / "pets.zip").symlink_to(tmp_path / "0f3a")
    assert len(datasets.load_for(tfgan.recipe("dcgan64", str(tmp_path / "pets.zip")), tmp_path / "data").images) == 6


def test_pictures_beside_folders_have_the_whole_s_name(tmp_path):
    path = make(tmp_path / "pets", PHOTOS | {"top.jpg": PHOTOS["cat/0.jpg"]})
    data = load(path, tmp_path)
    assert data.label_names == ("cat", "horse", "pets")
    assert data.labels.tolist() == [0, 0, 0, 1, 1, 1, 2]


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
    of_pillow = [each for each in recwarn.list if each.category is not ResourceWarning]  # of files that other tests left open
    assert not of_pillow


def test_the_manifest_says_what_the_array_was_made_of(tmp_path):
    load(make(tmp_path / "mine", PHOTOS), tmp_path)
    [path] = (tmp_path / "data" / "packed").glob("*.json")
    manifest = json.loads(path.read_text())
    assert manifest["settings"] == {"size": [28, 28], "crop": {"side": None}}
    assert (manifest["shape"], manifest["rejected"], manifest["source"]) == ([28, 28, 3], 0, str(tmp_path / "mine"))


def test_the_share_of_damaged_pictures_that_is_skipped(tmp_path, capsys):
    """One of 20 is 5%, which is not more; one of 19 is."""
    good = encoded(photo(20, 20), "PNG")
    for count in (19, 18):
        path = make(tmp_path / f"{count}", {f"{n}.png": good for n in range(count)} | {"x.png": b"x"})
        request = datasets.Request((8, 8))
        if count == 19:
            assert len(datasets.load(str(path), tmp_path, request).images) == 19
            assert f"Warning: 1 of 20 pictures in {path} cannot be read and are skipped; see " in capsys.readouterr().out
        else:
            words = rf"^1 of 19 pictures in {path} cannot be read, more than 5% \(all of them: not a picture of a known kind\)"
            with pytest.raises(tfgan.UserError, match=words):
                datasets.load(str(path), tmp_path, request)
    assert pack._fraction(1234, 5678) == "1,234 of 6,912 pictures"


def test_names_of_packed_arrays(tmp_path):
    """Of the user's own pictures: what a file's name may have of the folder's, its checksum and its size."""
    picture = encoded(photo(20, 20), "PNG")
    for folder, beginning in (("my pets & others", "own-my-pets-others-"), ("é" + "n" * 99, f"own--{'n' * 79}-")):
        make(tmp_path / folder, {"a.png": picture})
        datasets.load(str(tmp_path / folder), tmp_path / "data", datasets.Request((8, 9)))
        (name,) = [name for name in pack.list_manifests("own", tmp_path / "data") if name.startswith(beginning)]
        assert len(name) == len(beginning) + len("01234567-8x9")
        assert name.endswith("-8x9")
    for name, file in (("celeba", "img_align_celeba/000001.png"), ("dogs", "Images/n02085620-Chihuahua/n02085620_1.png")):
        make(tmp_path / "data", {file: picture})
        datasets.load(name, tmp_path / "data", datasets.Request((8, 9)))
        assert [*pack.list_manifests(name, tmp_path / "data")] == [f"{name}-8x9"]


def test_an_array_that_cannot_be_packed_and_what_packing_says(tmp_path, capsys):
    make(tmp_path / "mine", {"a.png": encoded(photo(20, 20), "PNG")})
    (tmp_path / "packed").touch()
    with pytest.raises(tfgan.UserError) as error:
        datasets.load(str(tmp_path / "mine"), tmp_path, datasets.Request((8, 8)))
    words = str(error.value)
    assert words.startswith(f"cannot pack {tmp_path}/mine into {tmp_path}/packed/own-mine-")
    assert words.endswith("; fix that, or give another --packed-dir")
    (tmp_path / "packed").unlink()
    assert datasets.load(str(tmp_path / "mine"), tmp_path, datasets.Request((8, 8))).images.shape == (1, 8, 8, 3)
    assert capsys.readouterr().out.startswith(f"Packed 1 pictures of {tmp_path}/mine in 0.")


@pytest.mark.parametrize(("manifest", "good"), [
    ({}, True), ({"format": 2}, False), ({"settings": {"size": [9, 9]}}, False), ({"count": 3}, False),
    ({"shape": [1, 2, 1]}, False),
    ({"label_names": ["a", "b"]}, False),
])  # fmt: skip
def test_which_packed_arrays_are_used(tmp_path, manifest, good):
    """Those whose manifest describes them; labels that it names must be there."""
    (tmp_path / "packed").mkdir()
    np.save(tmp_path / "packed" / "own-a.npy", np.zeros([2, 1, 1, 1], np.uint8))
    whole = {"format": 1, "settings": {"size": [1, 1]}, "count": 2, "shape": [1, 1, 1], "label_names": [], "rejected": 0}
    pack._write_manifest(tmp_path / "packed" / "own-a.npy", {**whole, "sha256": "x", **manifest})
    data = pack.load_packed("own-a", tmp_path, lambda manifest: manifest["settings"] == {"size": [1, 1]})
    assert (data is not None) == good
    assert (pack.find_by_sha256("x", tmp_path) is not None) == (good or "settings" in manifest)
    assert pack.find_by_sha256("y", tmp_path) is None


def test_notes_are_said_each_time(tmp_path, capsys):
    """Of the images themselves here: 12 bits in 16."""
    levels = np.random.default_rng(0).integers(0, 4096, (9, 30, 30)).astype(np.uint16)
    path = make(tmp_path / "mine", {f"{n}.png": encoded(Image.fromarray(image), "PNG") for n, image in enumerate(levels)})
    for _ in range(2):
        load(path, tmp_path)
        assert "\nNote: the images are nearly black throughout; " in f"\n{capsys.readouterr().out}"
    bright = make(tmp_path / "bright", {"a.png": encoded(Image.fromarray(levels[0] * 16), "PNG")})
    load(bright, tmp_path)
    assert "Note:" not in capsys.readouterr().out


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"a.jpg": POINTER, "b.jpg": POINTER, "c.jpg": b""}, "none of the 3 pictures in .* can be read (2 of them: a "
         "pointer of Git LFS; run `git lfs pull` in its folder); the reasons are in .*.rejected.txt"),
        (PHOTOS | {"a.jpg": b""}, "1 of 7 pictures in .* cannot be read, more than 5% (all of them: an empty file; a copy was "
         "interrupted, or a cloud drive has not fetched it; copy it again); the reasons are in .*.rejected.txt. "
         "Repair them, or leave them out with --keep-going"),
    ],
)  # fmt: skip
def test_the_reason_of_most_is_said_with_its_remedy(tmp_path, files, words):
    with pytest.raises(tfgan.UserError, match=words.replace("(", r"\(").replace(")", r"\)")):
        load(make(tmp_path / "mine", files), tmp_path)


def test_an_encrypted_zip_says_so(tmp_path):
    path = make(tmp_path / "mine.zip", PHOTOS)
    content = bytearray(path.read_bytes())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        begin = -1
        while (begin := content.find(signature, begin + 1)) >= 0:
            content[begin + place] |= 1
    path.write_bytes(content)
    with pytest.raises(tfgan.UserError, match=r"none of the 6 .* \(all of them: encrypted; extract it with its password"):
        load(path, tmp_path)


def test_a_refused_command_leaves_what_was_packed(tmp_path, capsys):
    """The array, its manifest, and its list of rejected pictures."""
    good = {f"{n:02}.jpg": PHOTOS["cat/0.jpg"] for n in range(30)}
    path = make(tmp_path / "mine", good | {"x.jpg": b""})
    data = load(path, tmp_path)
    before = {file.name: file.read_bytes() for file in (tmp_path / "data" / "packed").iterdir()}
    assert len(before) == 3
    make(path, {f"y{n}.jpg": POINTER for n in range(5)})  # so that the images stay the same
    with pytest.raises(tfgan.UserError, match="6 of 36 pictures"):
        load(path, tmp_path)
    after = {file.name: file.read_bytes() for file in (tmp_path / "data" / "packed").iterdir()}
    assert {name: after[name] for name in before} == before
    assert [name.split("28x28")[1] for name in set(after) - set(before)] == ["-2.rejected.txt"]
    assert (pack.find_by_sha256(data.sha256, tmp_path / "data").images == data.images).all()


def test_an_array_of_the_same_images_is_not_written_again(tmp_path):
    """A run may be reading it, and another system may not let it be replaced then."""
    path = make(tmp_path / "mine", PHOTOS)
    load(path, tmp_path)
    [array] = (tmp_path / "data" / "packed").glob("*28x28.npy")
    before = array.stat()
    make(path, {"cat/broken.jpg": b""})
    assert len(load(path, tmp_path, keep_going=True).images) == 6
    assert (array.stat().st_ino, array.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert packed_files(tmp_path) == [".json", ".labels.npy", ".npy", ".rejected.txt"]


@pytest.mark.parametrize(("broken", "names", "labels"), [
    (["b"], ("a", "c"), [0, 1]), (["a", "b"], (), None), (["c"], ("a", "b"), [0, 1]), ([], ("a", "b", "c"), [0, 1, 2]),
])  # fmt: skip
def test_classes_are_what_is_left(tmp_path, broken, names, labels):
    files = {f"{kind}/1.jpg": b"" if kind in broken else PHOTOS["cat/0.jpg"] for kind in "abc"}
    data = load(make(tmp_path / "mine", files), tmp_path, keep_going=True)
    assert data.label_names == names
    assert (data.labels if labels is None else data.labels.tolist()) == labels
