"""Folders, zips and tars: listed and read alike, damage told, and nothing of an archive touches the file system."""

import io
import os
import tarfile
import tracemalloc
import zipfile

import pytest

import tfgan
from tests.conftest import assert_says
from tfgan.datasets import folders
from tfgan.datasets import sources

FILES = {"./a.jpg": b"first", "sub/b.PNG": b"second" * 300, "sub/deeper/c.webp": b"", "sub/" + "long" * 50 + ".gif": b"4"}
OTHERS = {"notes.txt": b"no", ".hidden/d.jpg": b"no", "sub/.e.jpg": b"no", "__MACOSX/sub/._b.png": b"no"}


def add_to_tar(archive, name, content=b"", kind=tarfile.REGTYPE, link=""):
    member = tarfile.TarInfo(name)
    member.size, member.type, member.linkname = len(content), kind, link
    archive.addfile(member, io.BytesIO(content))


def make(path, files, **others):
    """A folder, zip or tar of these files."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    elif path.suffix:
        with tarfile.open(path, f"w:{path.suffix[1:].replace('tar', '')}", **others) as archive:
            for name, content in files.items():
                add_to_tar(archive, name, content)
    else:
        for name, content in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["folder", "a.zip", "a.tar", "a.tar.gz", "a.tar.xz", "a.tar.bz2"])
def test_the_same_names_and_bytes_from_all(tmp_path, name):
    source = sources.open_source(make(tmp_path / name, FILES | OTHERS))
    files = {member.removeprefix("./"): content for member, content in FILES.items()}
    assert source.names == sorted(files), "in the order of their names"
    assert source.files == sorted([*files, "notes.txt"])
    assert source.others == {".txt": 1}
    for member, content in files.items():
        assert source.read(member) == content
    assert source.damage is None


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_no_sound_tar_is_called_damaged(tmp_path, form):
    """Long names' own headers, pax's global ones, archives joined, and padding are no damage."""
    files = FILES if form != tarfile.USTAR_FORMAT else {"a.jpg": b"1"}
    headers = {"pax_headers": {"comment": "x" * 40}} if form == tarfile.PAX_FORMAT else {}
    path = make(tmp_path / "a.tar", files, format=form, **headers)
    path.write_bytes(path.read_bytes() * 2 + bytes(20_000))
    source = sources.open_source(path)
    assert (source.names, source.damage) == (sorted(name.removeprefix("./") for name in files), None)


def test_links_in_a_folder(tmp_path):
    """They are followed, once round and no further; those that lead nowhere are passed over."""
    make(tmp_path / "folder", {"a.jpg": b"1"})
    make(tmp_path / "elsewhere", {"b.jpg": b"2"})
    (tmp_path / "folder" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "folder" / "round").symlink_to(tmp_path / "folder")
    (tmp_path / "folder" / "nowhere.jpg").symlink_to(tmp_path / "absent.jpg")
    (tmp_path / "folder" / "self.jpg").symlink_to(tmp_path / "folder" / "self.jpg")
    (tmp_path / "folder" / "c.jpg").symlink_to(tmp_path / "elsewhere" / "b.jpg")
    (tmp_path / "folder" / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "folder" / "pipe.jpg")
    source = sources.open_source(tmp_path / "folder")
    assert source.names == ["a.jpg", "c.jpg", "link/b.jpg"]
    assert sources.open_source(tmp_path / "folder", exclude=[tmp_path / "elsewhere"]).names == ["a.jpg", "c.jpg"]


def test_archives_with_evil_members_do_no_harm(tmp_path):
    """Paths upward, absolute names, links and devices: regular files are read as bytes, nothing else, and nothing is written."""
    evil = {"../up.jpg": b"1", "/tmp/tfgan-absolute.jpg": b"2", "a/../../b.jpg": b"3", "good.jpg": b"4"}
    folder = tmp_path / "deep" / "er"
    folder.mkdir(parents=True)
    make(folder / "a.zip", evil)
    with zipfile.ZipFile(folder / "a.zip", "a") as archive:
        link = zipfile.ZipInfo("link.jpg")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    make(folder / "a.tar", evil)
    with tarfile.open(folder / "a.tar", "a") as archive:
        add_to_tar(archive, "soft.jpg", kind=tarfile.SYMTYPE, link="/etc/passwd")
        add_to_tar(archive, "hard.jpg", kind=tarfile.LNKTYPE, link="/etc/passwd")
        add_to_tar(archive, "fifo.jpg", kind=tarfile.FIFOTYPE)
        add_to_tar(archive, "device.jpg", kind=tarfile.CHRTYPE)
    before = sorted(tmp_path.rglob("*"))
    for name in ("a.zip", "a.tar"):
        source = sources.open_source(folder / name)
        assert [source.read(member) for member in source.names] == [b"1", b"3", b"4", b"2"], "those of the names below"
        assert source.names == ["../up.jpg", "a/../../b.jpg", "good.jpg", "tmp/tfgan-absolute.jpg"]
        assert source.others["links that lead nowhere"] == (1 if name == "a.zip" else 2)
    assert sorted(tmp_path.rglob("*")) == before
    assert not os.path.exists("/tmp/tfgan-absolute.jpg")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_two_members_of_one_name_the_last_counts(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive, zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped:
        for content in (b"old", b"new"):
            add_to_tar(archive, "a.jpg", content)
            zipped.writestr("a.jpg", content)
    for name in ("a.tar", "a.zip"):
        source = sources.open_source(tmp_path / name)
        assert [source.read(member) for member in source.names] == [b"new"]


def test_a_tar_that_leads_backwards_ends(tmp_path):
    """A pax header may give a negative size, and tarfile would read the same member for ever (CVE-2025-8194)."""
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        for n in range(3):
            member = tarfile.TarInfo(f"{n}.jpg")
            member.size = 4
            member.pax_headers = {"size": "-2048"} if n == 1 else {}
            archive.addfile(member, io.BytesIO(b"1234"))
    source = sources.open_source(tmp_path / "a.tar")
    assert source.names[:1] == ["0.jpg"]
    assert "negative" in source.damage or "invalid" in source.damage


def test_odd_members_of_a_zip(tmp_path):
    """One without a name is passed over; a method that unpacks without bounds is not used."""
    path = make(tmp_path / "a.zip", {"a.jpg": b"1", "b.jpg": b"2"})
    content = bytearray(path.read_bytes())
    content[content.rindex(b"a.jpg")] = 0
    path.write_bytes(content)
    assert sources.open_source(path).names == ["b.jpg"]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.jpg", bytes(1000))
    with pytest.raises(sources.UnreadableMember, match=r"compression method lzma .*extract it \(7z x ARCHIVE\)"):
        sources.open_source(path).read("a.jpg")


def test_a_zip_that_lies_about_a_size_is_not_unpacked(tmp_path):
    """200 MB of zeros that call themselves 1,000 bytes: refused by the checksum of the first 1,000, without the rest."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jpg", bytes(200_000_000))
    size = (200_000_000).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, (1000).to_bytes(4, "little")))
    source = sources.open_source(path)
    tracemalloc.start()
    with pytest.raises(sources.UnreadableMember, match="CRC"):
        source.read("a.jpg")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000


def test_damaged_tars(tmp_path):
    """A header's bit flipped: the others are all there, and the damage is told; likewise an end that is missing."""
    files = {f"{n}.jpg": bytes([n]) * 600 for n in range(9)}
    whole = make(tmp_path / "a.tar", files).read_bytes()
    with tarfile.open(tmp_path / "a.tar") as archive:
        offset = archive.getmember("4.jpg").offset
    for place in (0, offset, offset + 100):
        flipped = bytearray(whole)
        flipped[place] ^= 1
        (tmp_path / "b.tar").write_bytes(flipped)
        source = sources.open_source(tmp_path / "b.tar")
        assert len(source.names) == 8
        assert "damaged" in source.damage
        assert all(source.read(name) == files[name] for name in source.names)
    (tmp_path / "c.tar").write_bytes(whole[: offset + 700])
    source = sources.open_source(tmp_path / "c.tar")
    assert source.names == [f"{n}.jpg" for n in range(4)] + (["4.jpg"] if "4.jpg" in source.names else [])
    assert "unexpected end" in source.damage


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
def test_archives_that_are_none(tmp_path, name):
    (tmp_path / name).write_bytes(b"<html>please log in</html>" * 100)
    with pytest.raises(tfgan.UserError, match=r"is a web page"):
        print(sources.open_source(tmp_path / name).names)
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(tfgan.UserError, match="is empty"):
        sources.open_source(tmp_path / name)


def test_damaged_members_of_a_zip_are_named(tmp_path):
    path = make(tmp_path / "a.zip", {"a.jpg": b"1" * 1000, "b.jpg": b"2" * 1000})
    content = bytearray(path.read_bytes())
    content[content.index(b"1" * 500)] ^= 1
    path.write_bytes(content)
    source = sources.open_source(path)
    with pytest.raises(sources.UnreadableMember, match="CRC"):
        source.read("a.jpg")
    assert source.read("b.jpg") == b"2" * 1000


@pytest.mark.parametrize("name", ["folder", "a.zip", "a.tar"])
def test_members_that_are_too_large_are_not_read(tmp_path, name, monkeypatch):
    monkeypatch.setattr(folders, "_LARGEST_MEMBER", 10)
    source = sources.open_source(make(tmp_path / name, {"a.jpg": b"1" * 11, "b.jpg": b"1" * 10}))
    with pytest.raises(sources.UnreadableMember, match="11 bytes, more than 10"):
        source.read("a.jpg")
    assert source.read("b.jpg") == b"1" * 10


@pytest.mark.parametrize("name", ["folder", "a.zip", "a.tar"])
def test_stamps_change_with_what_is_there(tmp_path, name):
    path = make(tmp_path / name, {"a.jpg": b"1"})
    before = sources.open_source(path).stamp()
    assert sources.open_source(path).stamp() == before
    place = path / "a.jpg" if path.is_dir() else path
    place.write_bytes(place.read_bytes() + b"2")
    longer = sources.open_source(path).stamp()
    os.utime(place, ns=(1, 1))
    assert len({str(before), str(longer), str(sources.open_source(path).stamp())}) == 3


@pytest.mark.parametrize(("name", "good"), [
    ("a.jpg", True), ("a.JPEG", True), ("b/a.png", True), ("a.webp", True), ("a.gif", True), ("a.bmp", True), ("a.tif", True),
    ("a.TIFF", True), ("a.jfif", True), ("a.jpe", True), ("a.jp2", True), ("a.ppm", True),
    ("a.jpg.txt", False), ("jpg", False), (".a.jpg", False),
    ("b/.c/a.jpg", False), ("__MACOSX/a.jpg", False), ("b__MACOSX/a.jpg", True), ("a.svg", False), ("a.heic", False),
    ("..a.jpg", False), ("@eaDir/a.jpg", False), ("a..jpg", True), ("Thumbs.db", False), ("_a.jpg", True),
])  # fmt: skip
@pytest.mark.parametrize("form", ["folder", "a.zip"])
def test_names_of_pictures(tmp_path, form, name, good):
    assert sources.open_source(make(tmp_path / form, {name: b"text"})).names == [name] * good


def test_a_folders_stamp_changes_with_every_file_and_opens_none(tmp_path, monkeypatch):
    folder = make(tmp_path / "folder", {"a/1": b"1", "a/labels.csv": b"1", "b/c/x.zip": b"1"})
    monkeypatch.setattr(folders, "open", None, raising=False)
    stamps = [sources.open_source(folder).stamp()]
    for change in (
        lambda: (folder / "b/c/new").write_bytes(b""),
        lambda: (folder / "b/c/new").rename(folder / "b/c/newer"),
        lambda: (folder / "b/c/newer").unlink(),
        lambda: (folder / "b/c/x.zip").write_bytes(b"12"),
        lambda: os.utime(folder / "a/labels.csv", ns=(1, 1)),
        lambda: (folder / "a/labels.csv").unlink(),
    ):
        change()
        stamps.append(sources.open_source(folder).stamp())
    assert len(set(stamps)) == 6
    assert stamps[3] == stamps[0], "what was added is gone again"
    assert sources.open_source(folder, only=["a"]).stamp() not in stamps


def test_a_file_that_a_link_names_counts_once(tmp_path):
    """Hugging Face's cache: contents under their hashes, and links with the files' names."""
    folder = make(tmp_path / "folder", {"blobs/3b18e512": b"\xff\xd8\xff 1", "blobs/4c29": b"\xff\xd8\xff 2"})
    (folder / "snapshots").mkdir()
    (folder / "snapshots" / "cat.jpg").symlink_to("../blobs/3b18e512")
    assert sources.open_source(folder).names == ["blobs/4c29", "snapshots/cat.jpg"]


@pytest.mark.parametrize("form", ["folder", "a.zip", "a.tar"])
def test_the_first_bytes_tell_pictures_whose_names_do_not(tmp_path, form):
    beginnings = {
        "1": b"\xff\xd8\xff\xe0", "a.jpg_large": b"\xff\xd8\xff\xe1", "b.jpg!d": b"\x89PNG\r\n\x1a\n", "c.jpg?w=2": b"GIF89a",
        "image.0001": b"RIFF\1\2\3\4WEBPVP8 ", "d": b"II*\0", "e": b"MM\0*", "f": b"BM\1\2\3\4\0\0\0\0",
    }  # fmt: skip
    others = {
        "n02085620_10074": b"<annotation>", "empty": b"", "g": b"BMW is a firm, and this a text", "h": b"RIFF\1\2\3\4AVI LIST",
        "notes.txt": b"\xff\xd8\xff", "clip.mp4": b"\xff\xd8\xff",
    }  # fmt: skip
    source = sources.open_source(make(tmp_path / form, beginnings | others))
    assert source.names == sorted(beginnings)
    assert source.files == sorted(beginnings | others)
    assert source.others == {"without a suffix": 4, ".txt": 1, ".mp4": 1}
    assert sources.in_words(source.others) == "4 without a suffix, 1 .mp4, 1 .txt"


def test_only_restricts_to_some_of_a_folder(tmp_path):
    path = make(tmp_path / "folder", {"a/1.jpg": b"1", "b/1.jpg": b"2", "b/a/1.jpg": b"4"})
    make(path / "x.zip", {"1.jpg": b"3"})
    assert sources.open_source(path, only=["a", "x.zip"]).names == ["a/1.jpg", "x.zip/1.jpg"]


@pytest.mark.parametrize(("begin", "good"), [
    (b"\xff\xd8\xff", True), (b"GIF89a", True), (b"P6\n8 8", True), (b"P1 8 8", True), (b"\0\0\0\x0cjP  \r\n\x87\n", True),
    (b"\xff\x4f\xff\x51\0", True), (b"P7\n", False), (b"P66", False), (b"text", False), (b"", False),
])  # fmt: skip
def test_first_bytes_of_pictures(tmp_path, begin, good):
    assert sources.open_source(make(tmp_path / "a", {"1": begin})).names == ["1"] * good


def test_a_folder_that_cannot_be_listed_is_named(tmp_path, monkeypatch):
    def scandir(path):
        raise PermissionError(13, "Permission denied", f"{path}/x")

    monkeypatch.setattr(folders.os, "scandir", scandir)
    with pytest.raises(tfgan.UserError) as error:
        print(sources.open_source(tmp_path).names)
    assert_says(error.value, f"{tmp_path}/x", "Permission denied", "allow it, or give another folder")


def test_a_missing_archive_is_no_damaged_one(tmp_path):
    for name in ("a.zip", "a.tar"):
        with pytest.raises(tfgan.UserError) as error:
            print(sources.open_source(tmp_path / name).names)
        assert_says(error.value, tmp_path / name, "No such file or directory", "allow it, or give another")
