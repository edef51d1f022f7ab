"""The user's own pictures."""

import numpy as np
import pytest

import tfgan
from tests.conftest import assert_says
from tests.datasets.test_decode import encoded
from tests.datasets.test_decode import photo
from tests.datasets.test_sources import make
from tfgan import datasets
from tfgan.datasets import __main__ as datasets_command


def test_own_pictures_are_cropped_to_their_centre_square(tmp_path):
    wide = photo(218, 178)
    make(tmp_path / "mine", {"a.png": encoded(wide, "PNG")})
    images = datasets.load(str(tmp_path / "mine"), tmp_path, datasets.Request((178, 178))).images
    np.testing.assert_array_equal(images, np.asarray(wide)[None, :, 20:198])


def test_own_pictures_leave_out_what_tfgan_made(tmp_path):
    """--dataset . in a folder with data/, logs/ and out/ takes the pictures and not the results; data/mine is taken."""
    files = {name: encoded(photo(30, 30), "PNG") for name in ("a.png", "data/b.png", "out/run-000000.png", "data/mine/c.png")}
    make(tmp_path, files)
    own = tuple((tmp_path / folder).resolve() for folder in ("data", "logs", "out"))
    for folder, count in ((tmp_path, 1), (tmp_path / "data" / "mine", 1), (tmp_path / "data", 2)):
        recipe = tfgan.recipe("dcgan64", str(folder))
        assert len(datasets.load_for(recipe, tmp_path / "data", exclude=own).images) == count


def test_two_folders_of_one_name_are_two_data_sets(command, tmp_path):
    show = command(datasets_command)
    make(tmp_path, {f"{folder}/mine/a.png": encoded(photo(30, 30), "PNG") for folder in ("here", "there")})
    for folder in ("here", "there", "here"):
        assert show(f"{folder}/mine")[0] == 0
    out = show()[1]
    for folder in ("here", "there"):
        assert f"1 pictures of {tmp_path / folder / 'mine'}, packed\n" in out


def test_what_lies_there_is_told_each_time(tmp_path, capsys):
    picture = encoded(photo(30, 30), "PNG")
    others = {"readme.txt": b"x", "labels.csv": b"file,class\n0,a\n1,a\n2,b\n3,b\n", "notes.csv": b""}
    make(tmp_path / "mine", {f"train/{n}.png": picture for n in range(4)} | {"test/5.png": picture} | others)
    for _ in range(2):
        datasets.load(str(tmp_path / "mine"), tmp_path, datasets.Request((16, 16)))
        lines = capsys.readouterr().out.splitlines()
        assert [line for line in lines if not line.startswith("Packed")] == [
            f"{tmp_path / 'mine'}: 4 pictures in 2 classes; also there, not used: 1 .csv, 1 .txt",
            "1 pictures of test/ are not for training, and not used", "The classes are those of labels.csv",
        ]  # fmt: skip


def test_a_new_table_changes_the_labels_and_not_the_array(tmp_path):
    picture = encoded(photo(30, 30), "PNG")
    place = make(tmp_path / "mine", {f"{n}.png": picture for n in range(4)})
    before = datasets.load(str(place), tmp_path, datasets.Request((16, 16)))
    make(place, {"labels.csv": b"file,class\n0,a\n1,b\n2,b\n3,a\n"})
    after = datasets.load(str(place), tmp_path, datasets.Request((16, 16)))
    assert (before.label_names, after.label_names, after.labels.tolist()) == ((), ("a", "b"), [0, 1, 1, 0])
    assert after.sha256 == before.sha256


def test_arrays_are_own_images_and_what_holds_none_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=np.full([20, 9, 9], 7, np.uint8), y_train=np.arange(20) % 2)
    data = datasets.load(str(tmp_path / "a.npz"), tmp_path, datasets.Request((9, 9)))
    assert (data.images.shape, data.labels.tolist()) == ((20, 9, 9, 1), [0, 1] * 10)
    for place in (make(tmp_path / "texts", {"a.txt": b"x"}), make(tmp_path / "one", {"a.txt": b"x"}) / "a.txt"):
        with pytest.raises(tfgan.UserError) as error:
            datasets.load(str(place), tmp_path, datasets.Request((9, 9)))
        assert_says(error.value, place)


def test_new_names_in_a_table_are_noticed(tmp_path):
    """The pictures and the numbers of their classes are the same."""
    place = make(tmp_path / "mine", {f"{n}.png": encoded(photo(30, 30, n), "PNG") for n in range(4)})
    for names in (("a", "b"), ("cat", "dog")):
        rows = "".join(f"{n}.png,{names[n % 2]}\n" for n in range(4))
        (place / "labels.csv").write_text(f"file,class\n{rows}")
        assert datasets.load(str(place), tmp_path, datasets.Request((16, 16))).label_names == names
