"""Tables of pixels: what the columns are is told from the first lines; damaged and hostile ones are refused in a line."""

import gzip
import io
import time

import numpy as np
import pytest

from tests.datasets.test_array_files import find
from tfgan.datasets import tables
from tfgan.errors import UserError

ROWS = np.random.default_rng(0).integers(0, 256, (12, 64), np.uint8)
ROWS[:, [0, -1]] = 0  # as the borders of digits are
LABELS = np.arange(12) % 3
PIXELS = [f"pixel{n}" for n in range(64)]


def csv(*columns, header=None, delimiter=",", end="\n"):
    """A table of these columns, each of them [12] or [12, n]."""
    rows = np.column_stack([np.asarray(column, str) for column in columns]).tolist()
    return "".join(delimiter.join(map(str, row)) + end for row in ([header] if header else []) + rows).encode()


def as_text(rows):
    return [" ".join(map(str, row)) for row in rows.tolist()]


@pytest.mark.parametrize("content", [
    csv(LABELS, ROWS, header=["label", *PIXELS]),
    csv(LABELS, ROWS, header=["label", *(f"{n // 8 + 1}x{n % 8 + 1}" for n in range(64))]),
    csv(LABELS, ROWS),
    csv(ROWS, LABELS),
    csv(ROWS, LABELS, header=[*PIXELS, "class"]),
    csv(range(12), LABELS, ROWS, header=["", "label", *PIXELS]),
    csv(range(12), ROWS, LABELS, header=["id", *PIXELS, "target"]),
    csv(LABELS, ROWS, header=["kind", *range(64)]),
    csv(ROWS, LABELS, header=range(65)),
    csv(LABELS, ROWS, header=['"label"', *(f'"V{n}"' for n in range(64))]),
    csv(LABELS, ROWS, delimiter=";"),
    csv(LABELS, ROWS, delimiter="\t"),
    csv(LABELS, ROWS, delimiter=" "),
    csv(LABELS, ROWS, end="\r\n"),
    csv(LABELS, ROWS) + b"\n\n",
    csv(LABELS, ROWS)[:-1],
    csv(LABELS, ROWS.astype(float)),
    b"\xef\xbb\xbf" + csv(LABELS, ROWS, header=["label", *PIXELS]),
    b"\xef\xbb\xbf" + csv(LABELS, ROWS),
    csv(LABELS, as_text(ROWS), header=["emotion", "pixels"]),
    csv(LABELS, [f'"{row}"' for row in as_text(ROWS)], header=["emotion", "pixels"]),
    gzip.compress(csv(LABELS, ROWS)),
], ids=range(22))  # fmt: skip
def test_forms_of_a_table_with_labels(tmp_path, content):
    [file] = find(tmp_path, train_dot_csv=content)
    assert (file.shape, file.split) == ((None, 8, 8, 1), "train")
    images, labels = file.read()
    assert (images.reshape(12, 64) == ROWS).all()
    assert labels.tolist() == LABELS.tolist()


def test_tables_without_labels_with_words_and_in_colour(tmp_path):
    [file] = find(tmp_path, a_dot_csv=csv(ROWS, header=PIXELS))
    assert file.read()[1] is None
    [file] = find(tmp_path, a_dot_csv=csv(np.array(["cat", "ant", "bee"])[LABELS], ROWS, header=["class", *PIXELS]))
    assert file.read()[1].tolist() == ["cat", "ant", "bee"] * 4
    [file] = find(tmp_path, a_dot_csv=csv(np.array(["cat", "ant", "bee"])[LABELS], ROWS))
    assert file.read()[1].tolist() == ["cat", "ant", "bee"] * 4
    [file] = find(tmp_path, a_dot_csv=csv(LABELS, np.tile(ROWS, 3)))
    assert (file.read()[0] == ROWS.reshape(12, 8, 8, 1)).all()


def test_of_a_column_of_splits_the_training_rows_are_read(tmp_path):
    usage = ["Training"] * 6 + ["PublicTest", "PrivateTest"] * 3
    [file] = find(tmp_path, fer_dot_csv=csv(LABELS, usage, as_text(ROWS), header=["emotion", " Usage", " pixels"]))
    assert (file.split, file.shape) == ("train", (None, 8, 8, 1))
    images, labels = file.read()
    assert (images.reshape(-1, 64) == ROWS[:6]).all()
    assert labels.tolist() == LABELS[:6].tolist()


@pytest.mark.parametrize("content", [
    b"", b"\n", b"pixels\n", b"image_id,Smiling,Male\n000001.jpg,-1,1\n", b"a photo of a cat\n", b"1,2,3\n4,5,6\n", bytes(5000),
    csv(LABELS, ROWS[:, :50]), csv(LABELS, ROWS).decode().encode("utf-16"), b"1," * 2**20,
    csv(LABELS, np.full((12, 64), "cat"), header=["label", *PIXELS]), csv(LABELS, np.full((12, 64), "nan")),
], ids=range(12))  # fmt: skip
def test_what_is_no_table_of_pixels(content):
    begin = time.process_time()
    assert tables.inspect(io.BytesIO(content)) is None
    assert time.process_time() - begin < 5, "a long line is not read again and again"


LONG = csv(np.resize(LABELS, 100), np.resize(ROWS, (100, 64)))


@pytest.mark.parametrize(("content", "message"), [
    (LONG[:-150], r"columns changed from 65 to \d+ at row 100"),
    (LONG + b"1,2,3\n", "columns changed from 65 to 3 at row 101"),
    (LONG + b"1," * 2**20, "columns changed from 65 to 131072 at row 101"),
    (LONG + csv(LABELS, ROWS).replace(b",0\n", b",x\n"), "could not convert string 'x' to float32 at row 100"),
], ids=range(4))  # fmt: skip
def test_damaged_tables_are_refused_with_the_row(tmp_path, content, message):
    [file] = find(tmp_path, a_dot_csv=content)
    with pytest.raises(UserError, match=rf"a.csv .*is damaged \(.*{message}.*download it again"):
        file.read()


def test_more_text_than_memory_is_refused(tmp_path, monkeypatch):
    [file] = find(tmp_path, a_dot_csv_dot_gz=gzip.compress(LONG))
    monkeypatch.setattr(tables, "MOST_BYTES", 10_000)
    with pytest.raises(UserError, match="a.csv.gz is too large .* bytes of text or more, and at most 10,000 fit.*np.save"):
        file.read()


def test_pixels_beyond_255_are_refused(tmp_path):
    [file] = find(tmp_path, a_dot_csv=csv(LABELS, ROWS.astype(int) + 1))
    with pytest.raises(UserError, match="from 1 to 256"):
        file.read()
