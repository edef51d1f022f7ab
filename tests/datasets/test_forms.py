"""The search for a data set in the data folder: which place is taken, what is said, and what happens if there is none."""

import numpy as np
import pytest

import tfgan
from tests.datasets.test_decode import encoded
from tests.datasets.test_decode import photo
from tests.datasets.test_sources import make
from tfgan import datasets
from tfgan.datasets import decode
from tfgan.datasets import download
from tfgan.datasets import forms
from tfgan.datasets import sources
from tfgan.datasets.forms import Form
from tfgan.datasets.pictures import PicturePackingJob
from tfgan.datasets.pictures import Selection
from tfgan.datasets.pictures import pixel_settings

WHOLE = 3
PICTURES = {f"{n}.png": encoded(photo(20, 20, n), "PNG") for n in range(WHOLE)}
ROWS = (Form("first*", "some", "pictures"), Form("second", "others", "the same"), Form("*other*", "anybody", "the same"))
REMOTE = download.RemoteFile("first.zip", ("http://127.0.0.1:9/first.zip",), "md5:0", 5)
REQUEST = datasets.Request((20, 20))
ARRAYS = {"things-20x20": pixel_settings((20, 20), None)}


def in_folder(folder, count=WHOLE):
    return {f"{folder}/{name}": content for name, content in list(PICTURES.items())[:count]}


def count(source):
    return len(source.names)


def jobs(source):
    return [PicturePackingJob(source, lambda: Selection([*map(decode.Picture, sorted(source.names))]), (20, 20), None, False)]


def load(data_dir, request=REQUEST):
    """The images of a data set of three pictures."""
    published = forms.Published("things", "Things", ROWS, (REMOTE,), "", WHOLE, count)
    [data] = forms.load(published, data_dir, request, ARRAYS, jobs)
    return data.images


@pytest.fixture
def expected():
    return np.stack([np.asarray(photo(20, 20, n)) for n in range(WHOLE)])


@pytest.mark.parametrize("name", ["first", "FIRST.zip", "First-2.tar", "first.tar.gz", "second", "An-Other-Name"])
def test_a_form_is_known_by_its_name_in_any_case_and_container(tmp_path, name, expected):
    if "." in name:
        make(tmp_path / name.lower(), PICTURES).rename(tmp_path / name)
    else:
        make(tmp_path, in_folder(name))
    np.testing.assert_array_equal(load(tmp_path), expected)


def test_the_first_whole_place_is_taken_and_the_others_are_named(tmp_path, capsys, expected):
    make(tmp_path, in_folder("first", 1) | in_folder("second") | in_folder("another") | {"unrelated/a.txt": b""})
    np.testing.assert_array_equal(load(tmp_path), expected)
    line, note, *_ = capsys.readouterr().out.splitlines()
    assert line == f"Things: {tmp_path / 'second'}; also there, not used: another, first"
    assert note == f"Note: {tmp_path / 'first'} has 1 of the 3 images, and is passed over"


def test_a_part_is_taken_where_there_is_nothing_better(tmp_path, capsys):
    make(tmp_path, in_folder("first", 1) | in_folder("second", 2))
    assert len(load(tmp_path)) == 2
    assert f"Things: {tmp_path / 'second'}; also there, not used: first\n" in capsys.readouterr().out


def test_parts_of_one_form_are_one_place(tmp_path, expected):
    """As Google Drive cuts a large folder into archives."""
    for n, (name, content) in enumerate(PICTURES.items()):
        make(tmp_path / f"first-00{n}.zip", {name: content})
    np.testing.assert_array_equal(load(tmp_path), expected)


def test_what_cannot_be_opened_is_passed_over_with_its_reason(tmp_path, capsys, expected):
    (tmp_path / "first.zip").write_bytes(b"PK\3\4 and no more")
    make(tmp_path, in_folder("second"))
    np.testing.assert_array_equal(load(tmp_path), expected)
    assert "first.zip is not a complete archive" in capsys.readouterr().out


def test_a_packed_array_needs_no_look_and_no_place(tmp_path, monkeypatch, expected):
    make(tmp_path, in_folder("second"))
    load(tmp_path)
    monkeypatch.setattr(sources._Listing, "__init__", lambda *_: pytest.fail("it looks again"))
    np.testing.assert_array_equal(load(tmp_path), expected)
    monkeypatch.undo()
    for name in PICTURES:
        (tmp_path / "second" / name).unlink()
    (tmp_path / "second").rmdir()
    np.testing.assert_array_equal(load(tmp_path), expected)


def test_without_a_place_and_a_network_the_forms_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "data"
    with pytest.raises(tfgan.UserError) as error:
        load(folder)
    message = str(error.value)
    assert "the forms of some, others)" in message
    assert "cannot fetch first.zip" in message
    assert "\n" not in message
    assert not folder.exists()
    with pytest.raises(tfgan.UserError, match="things is not in .*data"):
        load(folder, REQUEST._replace(fetch=False))


def test_a_file_in_the_download_s_way_is_kept_and_named(tmp_path, monkeypatch):
    (tmp_path / "first.zip").write_bytes(b"PK\3\4 and no more")
    with pytest.raises(tfgan.UserError) as error:
        load(tmp_path)
    assert str(error.value).startswith(f"{tmp_path / 'first.zip'} is not a complete archive")
    assert "Move it elsewhere" in str(error.value)
    assert (tmp_path / "first.zip").read_bytes() == b"PK\3\4 and no more"


@pytest.mark.parametrize("name", ["first.zip.part", "first.zip.crdownload", ".first.zip"])
def test_unfinished_downloads_and_hidden_files_are_no_places(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK\3\4")
    assert forms.matches(ROWS[0], tmp_path) == []


def test_the_whole_set_that_comes_later_is_taken_in_place_of_a_packed_part(tmp_path, expected):
    make(tmp_path, in_folder("first", 1))
    assert len(load(tmp_path)) == 1
    make(tmp_path, in_folder("second"))
    np.testing.assert_array_equal(load(tmp_path), expected)


def test_a_part_that_comes_later_is_not_taken_in_place_of_the_packed_whole(tmp_path, capsys, expected):
    make(tmp_path, in_folder("first"))
    load(tmp_path)
    for name in PICTURES:
        (tmp_path / "first" / name).unlink()
    make(tmp_path, in_folder("second", 1))
    capsys.readouterr()
    np.testing.assert_array_equal(load(tmp_path), expected)
    assert f"as it was packed earlier, since {tmp_path / 'second'} has less of it" in capsys.readouterr().out


def test_what_cannot_be_opened_beside_stops_nothing(tmp_path, capsys):
    (tmp_path / "boxes.zip").write_bytes(b"")
    assert forms.open_beside([Form("boxes*", "anybody", "boxes")], tmp_path) is None
    assert f"Note: {tmp_path / 'boxes.zip'} is empty" in capsys.readouterr().out


def test_a_place_that_changed_is_read_again_though_it_has_less(tmp_path):
    make(tmp_path, in_folder("first", 2))
    assert len(load(tmp_path)) == 2
    (tmp_path / "first" / "0.png").unlink()
    assert len(load(tmp_path)) == 1
