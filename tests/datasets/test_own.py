"""The user's own pictures."""

import numpy as np

import tfgan
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
