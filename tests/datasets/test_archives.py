"""Archives in every shape: by their first bytes, with links, inside each other, and hostile ones."""

import bz2
import gzip
import io
import lzma
import os
import tarfile
import time
import zipfile

import pytest

import tfgan
from tests.datasets.test_sources import add_to_tar
from tests.datasets.test_sources import make
from tfgan.datasets import archives
from tfgan.datasets import sources

JPEG = b"\xff\xd8\xff\xe0 a picture"
FILES = {"cats/1.jpg": b"one", "cats/2.jpg": b"two!", "dogs/1.jpg": b"three"}


def contents(path, **options):
    source = sources.open_source(path, **options)
    return {name: source.read(name) for name in source.names}


def packed(path, files):
    return make(path, files).read_bytes()


@pytest.mark.parametrize("kind", [".zip", ".tar", ".tar.gz", ".tar.xz", ".tar.bz2"])
@pytest.mark.parametrize("name", ["download", "archive.zip", "a.tar.gz", "a.jpg", "A.TGZ"])
def test_the_first_bytes_tell_the_kind(tmp_path, kind, name):
    make(tmp_path / f"x{kind}", FILES).rename(tmp_path / name)
    assert contents(tmp_path / name) == FILES


def test_old_tars_and_other_compressions(tmp_path):
    plain = packed(tmp_path / "x.tar", FILES)
    old = bytearray(plain)
    for start in range(0, len(plain), 512):
        if plain[start + 257 : start + 262] == b"ustar":
            old[start + 257 : start + 265] = bytes(8)
            old[start + 148 : start + 156] = b" " * 8
            old[start + 148 : start + 156] = b"%06o\0 " % sum(old[start : start + 512])
    for n, content in enumerate((bytes(old), lzma.compress(plain), gzip.compress(bytes(old)))):
        (tmp_path / f"{n}").write_bytes(content)
        assert contents(tmp_path / f"{n}") == FILES


@pytest.mark.parametrize("name", ["labels.csv.gz", "images-idx3-ubyte.gz", "x.tar.gz.gz"])
def test_a_compressed_file_is_no_archive(tmp_path, name):
    (tmp_path / name).write_bytes(gzip.compress(b"1,2,3\n" * 1000))
    source = sources.open_source(tmp_path / name)
    assert (source.files, source.names, source.read(name)) == ([name], [], (tmp_path / name).read_bytes())
    assert source.location(name) == (str(tmp_path / name), (tmp_path / name).stat().st_size)


def test_a_zip_of_arrays_is_a_file(tmp_path):
    make(tmp_path / "x.zip", {"x_train.npy": b"1", "y_train.npy": b"2"}).rename(tmp_path / "mnist")
    assert sources.open_source(tmp_path / "mnist").files == ["mnist"]


def test_what_is_not_read_is_refused_by_its_own_words(tmp_path, monkeypatch):
    monkeypatch.setattr(sources.unread, "refusal", lambda path: f"{path.name} is a RAR; unrar x it" if path.suffix else None)
    (tmp_path / "x.rar").write_bytes(b"Rar!")
    with pytest.raises(tfgan.UserError, match=r"^x.rar is a RAR; unrar x it$"):
        sources.open_source(tmp_path / "x.rar")


@pytest.mark.parametrize("kind", [".zip", ".tar.gz", ".tar.xz", ".tar.bz2"])
def test_archives_that_break_off(tmp_path, kind):
    files = {f"{n}.jpg": os.urandom(3000) for n in range(20)}
    path = make(tmp_path / f"a{kind}", files)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    source = sources.open_source(path)
    if kind in (".zip", ".tar.bz2"):  # without the directory at its end; without its only block
        with pytest.raises(tfgan.UserError, match=r"not a complete archive \(.*\); get it again"):
            print(source.names)
    else:
        assert 0 < len(source.names) < 20
        assert source.damage


def add_link(archive, name, target):
    link = zipfile.ZipInfo(name)
    link.external_attr = 0o120777 << 16
    archive.writestr(link, target)


@pytest.mark.parametrize("form", ["folder", "a.zip", "a.tar", "a.tar.gz"])
def test_links_to_own_members(tmp_path, form):
    """They give the same as in the extracted folder. Links out of it, to nothing and round in circles are counted."""
    files = {"real/1.jpg": b"1", "real/deep/2.jpg": b"2", ".store/3": b"3"}
    links = {
        "a.jpg": "real/1.jpg", "b.jpg": "a.jpg", "sub/c.jpg": "../real/deep/2.jpg", "folder": "real",
        "d.jpg": "folder/deep/2.jpg", "hidden.jpg": ".store/3", "round.jpg": "dnuor.jpg", "dnuor.jpg": "round.jpg",
        "self.jpg": "self.jpg/x", "none.jpg": "no",
    }  # fmt: skip
    if form == "folder":
        make(tmp_path / form, files)
        (tmp_path / form / "sub").mkdir()
        for name, target in links.items():
            (tmp_path / form / name).symlink_to(target)
    elif form == "a.zip":
        with zipfile.ZipFile(tmp_path / form, "w") as archive:
            for name, target in links.items():
                add_link(archive, name, target)
            for name, content in files.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(tmp_path / form, "w:gz" if form.endswith("gz") else "w") as archive:
            for name, target in links.items():
                add_to_tar(archive, f"./{name}", kind=tarfile.SYMTYPE, link=target)
            for name, content in files.items():
                add_to_tar(archive, name, content)
    source = sources.open_source(tmp_path / form)
    assert {name: source.read(name) for name in source.names} == {
        "a.jpg": b"1", "b.jpg": b"1", "d.jpg": b"2", "hidden.jpg": b"3", "real/1.jpg": b"1", "real/deep/2.jpg": b"2",
        "sub/c.jpg": b"2",
    }  # fmt: skip
    assert source.others == {"links that lead nowhere": 4}
    assert sources.in_words(source.others) == "4 links that lead nowhere"


def test_hard_links_in_a_tar(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        add_to_tar(archive, "./x/1.jpg", b"1")
        add_to_tar(archive, "./y/2.jpg", kind=tarfile.LNKTYPE, link="./x/1.jpg")
        add_to_tar(archive, "./y/3.jpg", kind=tarfile.LNKTYPE, link="y/2.jpg")
    assert contents(tmp_path / "a.tar") == {"x/1.jpg": b"1", "y/2.jpg": b"1", "y/3.jpg": b"1"}


def test_many_links_end_in_time(tmp_path):
    deep = "/".join("x" * 2000)
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        add_to_tar(archive, "a.jpg", b"1")
        for n in range(300):
            add_to_tar(archive, f"{n}", kind=tarfile.SYMTYPE, link=f"{n + 1}/{deep}")
        add_to_tar(archive, "y/" * 500_000 + "b.jpg", b"1")
    begin = time.perf_counter()
    assert sources.open_source(tmp_path / "a.tar").names == ["a.jpg"]
    assert time.perf_counter() - begin < 10


def test_names_as_windows_and_japan_write_them(tmp_path):
    path = make(tmp_path / "a.zip", {"cats\\1.jpg": b"1", "表紙.jpg": b"2", "dogs\\": b"", "ü\\2.jpg": b"3", "é.jpg": b"4"})
    content = path.read_bytes()
    content = bytearray(content.replace("表紙.jpg".encode(), "表aaaa.jpg".encode("cp932")))  # its second byte is a backslash
    for start in range(len(content) - 4):  # UTF-8 need not say so, as macOS does not
        if content[start : start + 4] in (b"PK\x01\x02", b"PK\x03\x04"):
            flags = start + (8 if content[start + 2] == 1 else 6)
            content[flags + 1] &= ~8
    path.write_bytes(content)
    source = sources.open_source(path)
    assert len(source.names) == 4
    assert set(source.names) >= {"cats/1.jpg", "ü/2.jpg", "é.jpg"}
    assert sorted(map(source.read, source.names)) == [b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize("form", ["folder", "a.tar"])
def test_names_that_are_no_text(tmp_path, form):
    name = b"\xff\xfe.jpg".decode("utf-8", "surrogateescape")
    path = make(tmp_path / form, {name: b"1", "a/" + name: b"2"})
    source = sources.open_source(path)
    assert [source.read(name) for name in source.names] == [b"2", b"1"]
    assert source.stamp()


def test_members_that_cannot_be_read_say_how(tmp_path):
    path = make(tmp_path / "a.zip", {"a.jpg": b"1" * 50})
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\x01\x02")
    cases = (8, 1, "it is encrypted.*7z x"), (34, 3, "another part of a split zip.*zip -s 0"), (10, 9, "deflate64.*7z x")
    for place, value, reason in cases:
        changed = bytearray(content)
        changed[directory + place] = value
        path.write_bytes(changed)
        source = sources.open_source(path)
        assert source.names == ["a.jpg"]
        with pytest.raises(sources.UnreadableMember, match=reason):
            source.read("a.jpg")


NESTED = ["folder", "a.zip", "a.tar", "a.tar.gz"]


@pytest.mark.parametrize("inner", ["x.zip", "x.tar", "x.tar.gz", "x-001.zip", "x"])
@pytest.mark.parametrize("outer", NESTED)
def test_archives_inside(tmp_path, outer, inner):
    content = packed(tmp_path / (inner if "." in inner else "x.tar.xz"), FILES)
    path = make(tmp_path / outer, {f"data/{inner}": content, "data/readme.txt": b"1", "z.jpg": b"z"})
    source = sources.open_source(path)
    assert contents(path) == {f"data/{inner}/{name}": content for name, content in FILES.items()} | {"z.jpg": b"z"}
    assert source.others == {".txt": 1}
    assert source.location(f"data/{inner}/cats/1.jpg") is None


def test_compressed_inner_archives(tmp_path):
    inner = packed(tmp_path / "x.zip", FILES)
    with zipfile.ZipFile(tmp_path / "y.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.zip", inner)
        archive.writestr("big.npy", b"0123456789" * 1000)
    before = sorted(tmp_path.rglob("*"))
    source = sources.open_source(tmp_path / "y.zip")
    assert {name: source.read(name) for name in source.names} == {f"x.zip/{name}": content for name, content in FILES.items()}
    with source.open("big.npy") as file:
        assert (file.seek(-3, io.SEEK_END), file.read(), file.seek(5), file.read(3)) == (9997, b"789", 5, b"567")
    assert sorted(tmp_path.rglob("*")) == before


def test_three_deep_and_no_deeper(tmp_path):
    content, files = JPEG, {"0.jpg": JPEG}
    for n in range(5):
        content = packed(tmp_path / f"{n}.zip", files)
        files = {f"{n}.zip": content, f"{n}.jpg": JPEG}
    source = sources.open_source(make(tmp_path / "folder", files))
    assert source.names == ["4.jpg", "4.zip/3.jpg", "4.zip/3.zip/2.jpg", "4.zip/3.zip/2.zip/1.jpg"]
    assert source.others == {"archives more than 3 deep": 1}


@pytest.mark.parametrize("place", ["", "x/", "other/"])
def test_an_extracted_archive_is_passed_over(tmp_path, place):
    files = {place + name: content for name, content in FILES.items()}
    inside = FILES | {"readme.txt": b"not extracted"}
    path = make(tmp_path / "folder", files | {"x.zip": packed(tmp_path / "x.zip", inside)})
    source = sources.open_source(path)
    if place == "other/":
        assert source.names == [*files, *(f"x.zip/{name}" for name in FILES)]
    else:
        assert source.names == list(files)
        assert source.others == {"archives extracted beside them": 1}
        assert sources.in_words(source.others) == "1 archive extracted beside it"


def test_an_archive_that_is_extracted_in_part_is_used_once(tmp_path):
    loose = {"x/cats/1.jpg": b"one", "x/dogs/1.jpg": b"larger than in it", "x/mine.jpg": b"1"}
    path = make(tmp_path / "folder", loose | {"x.zip": packed(tmp_path / "x.zip", FILES)})
    source = sources.open_source(path)
    assert source.names == [*(f"x.zip/{name}" for name in FILES), "x/dogs/1.jpg", "x/mine.jpg"]
    assert source.others == {"files that archives also hold": 1}


def test_pictures_of_one_size_are_no_copies(tmp_path):
    bitmaps = {f"{n}.bmp": b"a%d" % n for n in range(3)}
    path = make(tmp_path / "folder", bitmaps | {"x.zip": packed(tmp_path / "x.zip", {f"{n}.bmp": b"b%d" % n for n in range(3)})})
    assert len(contents(path)) == 6


def test_inner_archives_that_cannot_be_read_are_counted(tmp_path):
    path = make(tmp_path / "folder", {"a.jpg": b"1", "x.zip": b"PK\x03\x04 and no more", "y.tar.gz": b"no tar"})
    source = sources.open_source(path)
    assert source.names == ["a.jpg"]
    assert sum(source.others.values()) == 2
    assert all("that cannot be read" in kind for kind in source.others)


def test_thousands_of_archives_need_few_open_files(tmp_path):
    content = packed(tmp_path / "x.zip", {"1.jpg": b"1"})
    make(tmp_path / "folder", {f"{n:03}.zip": content for n in range(300)})
    source = sources.open_source(tmp_path / "folder")
    assert len(source.names) == 300
    assert len(os.listdir("/proc/self/fd")) < 200
    assert {source.read(name) for name in source.names} == {b"1"}


def test_bombs(tmp_path, monkeypatch):
    """Refused by ratio, by free space, or by number, in bounded time."""
    monkeypatch.setattr(archives, "_ALWAYS", 10**6)
    bomb = make(tmp_path / "a.tar.bz2", {"a.jpg": bytes(3 * 10**6)})
    with pytest.raises(tfgan.UserError, match=r"a.tar.bz2 unpacks to more than 200 times its size; extract it"):
        print(sources.open_source(bomb).names)
    inside = make(tmp_path / "folder", {"a.tar.bz2": bomb.read_bytes(), "b.jpg": b"1"})
    assert sources.open_source(inside).names == ["b.jpg"]
    monkeypatch.setattr(archives, "_RESERVE", 2**60)
    with pytest.raises(tfgan.UserError, match="set TMPDIR to a folder with more"):
        print(sources.open_source(make(tmp_path / "b.tar.gz", {"a.jpg": b"1"})).names)
    monkeypatch.setattr(sources, "_MOST_FILES", 10)
    six = packed(tmp_path / "x.zip", {f"{n}.jpg": b"1" for n in range(6)})
    many = make(tmp_path / "many", {f"{n}.zip": six for n in range(9)})
    assert len(sources.open_source(many).names) == 12


def test_the_same_tar_compressed_gives_the_same(tmp_path):
    files = {"b.jpg": b"2", "a.jpg": b"1", "c/a.jpg": b"3"}
    names = ("folder", "a.zip", "a.tar", "a.tar.gz", "a.tar.xz")
    forms = [list(contents(make(tmp_path / name, files)).items()) for name in names]
    assert all(form == forms[0] for form in forms)


def test_garbage_of_every_kind_is_told_in_a_line(tmp_path):
    for n, content in enumerate((b"PK\x03\x04", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\0", b"]\0\0\x80", bz2.compress(b"1")[:-9])):
        (tmp_path / f"{n}.tar.gz").write_bytes(content)
        with pytest.raises(tfgan.UserError, match="not a complete archive") as error:
            print(sources.open_source(tmp_path / f"{n}.tar.gz").names)
        assert "\n" not in str(error.value)


def test_names_that_no_file_can_have_are_passed_over(tmp_path):
    """A file that is called like a folder, and folders that are thousands deep."""
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name in ("a.jpg", "deep/" * 400 + "b.jpg"):
            add_to_tar(archive, name, b"1")
        folder = tarfile.TarInfo("foo/")
        folder.size, folder.type = 1, tarfile.REGTYPE
        archive.addfile(folder, io.BytesIO(b"1"))
    assert "a.jpg" in contents(tmp_path / "a.tar")
    assert not any("deep" in name for name in contents(tmp_path / "a.tar"))
