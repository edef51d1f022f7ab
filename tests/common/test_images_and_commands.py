"""Sizes and levels of pictures, errors in words, and how a command ends."""

import errno

import numpy as np
import pytest
from PIL import Image

from tfgan import errors
from tfgan.common import command as commands
from tfgan.common import files
from tfgan.common import images
from tfgan.errors import UserError


@pytest.mark.parametrize(("height", "width", "times"), [
    (28, 28, 21), (64, 64, 9), (400, 10, 2), (10, 399, 2), (401, 401, 1), (700, 700, 1), (1300, 2, 1), (1, 1, 600),
])  # fmt: skip
def test_how_much_a_picture_is_enlarged(height, width, times):
    """To about 600 pixels of its longer side. A larger one is left as it is."""
    assert images.enlarge(np.zeros([height, width, 1], np.uint8)).shape == (height * times, width * times, 1)


def test_levels_are_rounded_and_clipped():
    found = images.to_uint8(np.array([-2, -1, -0.9961, 0, 0.5, 1, 9]), (-1, 1))
    assert (found.dtype, found.tolist()) == (np.uint8, [0, 0, 0, 128, 191, 255, 255])
    assert images.from_uint8(np.array([0.0, 51.0, 255.0]), (-1, 1)).tolist() == pytest.approx([-1, -0.6, 1])


def test_tiles_that_are_not_whole_are_dropped():
    numbers = np.arange(5 * 7, dtype=np.uint8).reshape(5, 7, 1)
    tiles = images.split_grid(numbers, 2, 3)
    assert tiles.shape == (4, 2, 3, 1)
    assert tiles[3, :, :, 0].tolist() == [[17, 18, 19], [24, 25, 26]]
    assert images.square_grid(np.zeros([8, 2, 3, 1], np.uint8)).shape == (4, 6, 1), "four of the eight"


def test_each_row_has_its_own_name(tmp_path):
    """Left of the picture, black on white, the first one at the top. A longer name takes more ink."""
    picture = np.full([3 * 40, 50, 3], 7, np.uint8)
    for names in (["", "mmm", "m"], ["m", "", "mmm"]):
        named = images.name_rows(picture, names)
        assert (named[:, -50:] == 7).all()
        strip = named[:, :-50]
        ink = (255.0 - strip).reshape(3, 40, -1).sum((1, 2))
        assert [n for _, n in sorted(zip(ink, names, strict=True))] == ["", "m", "mmm"]
        assert ink[names.index("")] == 0
    grey = images.name_rows(picture[..., :1], names)
    np.testing.assert_array_equal(grey, named[..., :1])


def test_pictures_are_read_in_grey_or_colour(tmp_path):
    kinds = {"L": (7, [7]), "RGB": ((1, 2, 3), [1, 2, 3]), "RGBA": ((1, 2, 3, 9), [1, 2, 3]), "1": (1, [255] * 3)}
    for mode, (colour, expected) in kinds.items():
        Image.new(mode, (2, 1), colour).save(tmp_path / "a.png")
        found = images.load_png(tmp_path / "a.png")
        assert (found.dtype, found.tolist()) == (np.uint8, [[expected, expected]])
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(UserError, match=r"a.png cannot be read as a picture \(.*\); remove it, or make it again$"):
        images.load_png(tmp_path / "a.png")


def test_images_that_are_resized_many_at_a_time(monkeypatch):
    """The same whether in one part or in several, and in another number of channels."""
    made = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), dtype=np.uint8)
    whole = images.resize_round_trip(made, (4, 4, 1))
    monkeypatch.setattr(images, "_AT_A_TIME", 2)
    np.testing.assert_array_equal(images.resize_round_trip(made, (4, 4, 1)), whole)
    assert images.resize_round_trip(made, (8, 8, 1)) is made
    assert images.resize_to_shape(made, (8, 8, 3)).shape == (5, 8, 8, 3)


@pytest.mark.parametrize(("error", "words"), [
    (OSError(28, "No space left", "a/b"), "a/b: No space left"), (OSError(28, "No space left"), "No space left"),
    (OSError("odd"), "odd"),
])  # fmt: skip
def test_an_error_in_words(error, words):
    assert files.describe_error(error) == words


@pytest.mark.parametrize(("error", "name"), [
    (OSError(28, "No space left"), "here"), (OSError(28, "No space left", "there"), "there"), (OSError("odd"), None),
])  # fmt: skip
def test_the_file_that_an_error_names_is_kept(error, name):
    with pytest.raises(OSError, match=r".") as raised, files.add_path_to_errors("here"):
        raise error
    assert raised.value.filename == name


def test_a_file_system_without_fsync_is_no_error(tmp_path, monkeypatch):
    for number, fails in ((errno.EINVAL, False), (errno.EIO, True)):

        def fsync(descriptor, number=number):
            raise OSError(number, "no")

        monkeypatch.setattr(files.os, "fsync", fsync)
        if fails:
            with pytest.raises(OSError, match="no"):
                files.fsync(tmp_path)
        else:
            files.fsync(tmp_path)


def raising(error):
    def main():
        raise error

    return main


@pytest.mark.parametrize(("main", "status", "err"), [
    (lambda: 7, 7, ""), (raising(KeyboardInterrupt()), 130, "tfgan: interrupted\n"),
    (raising(errors.UserError("a\nb")), 2, "tfgan: error: a b\n"), (raising(errors.Diverged("x")), 3, "tfgan: error: x\n"),
    (raising(errors.Collapsed("x")), 3, "tfgan: error: x\n"),
])  # fmt: skip
def test_how_a_command_ends(capsys, main, status, err):
    assert (commands._run(main), capsys.readouterr().err) == (status, err)


def test_a_lost_peer_ends_the_process_at_once(monkeypatch, capsys):
    ended = []
    monkeypatch.setattr(commands.os, "_exit", ended.append)
    commands._run(raising(errors.PeerLost("x")))
    assert (ended, capsys.readouterr().err) == ([4], "tfgan: error: x\n")


def test_options_are_not_abbreviated():
    parser = commands.ArgumentParser("tfgan.x")
    parser.add_argument("--iterations")
    with pytest.raises(UserError, match=r"unrecognized arguments: --iter=3 \(see python -m tfgan.x --help\)"):
        parser.parse_args(["--iter=3"])
