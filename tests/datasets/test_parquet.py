"""Parquet files of pictures: names, labels and bytes in the order of the rows; and files that are damaged or hostile."""

import io
import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from tests.datasets.plain_source import PlainSource
from tfgan.datasets import arrays
from tfgan.datasets.folders import UnreadableMember
from tfgan.datasets.parquet import Parquet
from tfgan.errors import UserError

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (200, 8, 8), np.uint8)
LABELS = [n % 3 for n in range(200)]


def coded(pixels, kind="PNG"):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


PNGS = [coded(pixels) for pixels in PIXELS]
STRUCTS = [{"bytes": png, "path": f"train/{n}.png"} for n, png in enumerate(PNGS)]


def write(rows=70, metadata=None, **columns):
    table = pa.table({name: column if isinstance(column, pa.Array) else pa.array(column) for name, column in columns.items()})
    file = io.BytesIO()
    parquet.write_table(table.replace_schema_metadata(metadata), file, row_group_size=rows)
    return file


def opened(**columns):
    return Parquet(write(**columns), "x.parquet")


def test_the_form_of_hugging_face():
    features = {"image": {"_type": "Image"}, "label": {"names": ["zero", "one", "two"], "_type": "ClassLabel"}}
    file = opened(image=STRUCTS, label=LABELS, metadata={"huggingface": json.dumps({"info": {"features": features}})})
    assert list(file.names) == [f"{n}.png" for n in range(200)]
    assert file.label_order == ("zero", "one", "two")
    assert [file.labels[name] for name in file.names] == [file.label_order[label] for label in LABELS]
    assert [file.read(name) for name in file.names] == PNGS
    for n in (150, 3, 69, 70, 199, 0):
        assert file.read(f"{n}.png") == PNGS[n], "in any order"


@pytest.mark.parametrize(("path", "name"), [
    (lambda n: None, "00000007.jpg"), (lambda n: "image.png", "00000007.jpg"), (lambda n: f"{n}", "00000007.jpg"),
    (lambda n: f"{n % 9}/{n}.PNG", "7.PNG"), (lambda n: f"..\\{n}.png", "7.png"),
    (lambda n: "x" * 900 + f"{n}.png", "00000007.jpg"),
    (lambda n: f"/.{n}.png", "00000007.jpg"),
])  # fmt: skip
def test_names_come_from_plain_and_distinct_paths_or_else_from_the_row(path, name):
    file = opened(image=[{"bytes": png, "path": path(n)} for n, png in enumerate(PNGS)])
    assert list(file.names)[7] == name
    assert file.read(name) == PNGS[7]


@pytest.mark.parametrize("columns", [
    {"img": PNGS}, {"jpg": PNGS, "json": ["{}"] * 200}, {"anything": PNGS}, {"id": [b"x"] * 200, "image": PNGS},
    {"photo": [{"bytes": png} for png in PNGS]}, {"image": pa.array(PNGS, pa.large_binary())},
    {"image": pa.array(PNGS).dictionary_encode()},
], ids=range(7))  # fmt: skip
def test_the_column_of_pictures_is_known_by_type_and_name(columns):
    file = opened(**columns)
    assert [file.read(name) for name in file.names] == PNGS
    assert next(iter(file.names)) == "00000000.jpg"


def test_it_is_a_container():
    file = opened(image=STRUCTS)
    assert file.stream("3.png").read() == file.open("3.png").read() == PNGS[3]
    assert (file.size("3.png"), file.size("x.png"), file.location("3.png"), file.damage) == (-1, None, None, None)


def test_rows_without_a_picture_are_unreadable_and_the_others_are_not():
    file = opened(image=[None, {"bytes": None, "path": "a"}, {"bytes": PNGS[2], "path": "b"}, {"bytes": b"", "path": "c"}])
    assert file.read(list(file.names)[2]) == PNGS[2]
    for n in (0, 1, 3):
        with pytest.raises(UnreadableMember, match="no picture"):
            file.read(list(file.names)[n])


def test_labels_of_other_types():
    assert opened(image=PNGS[:3], label=["cat", None, "dog"]).labels == {"00000000.jpg": "cat", "00000002.jpg": "dog"}
    assert opened(image=PNGS[:3], target=[10, -1, 2]).labels == {"00000000.jpg": "10", "00000002.jpg": "2"}
    assert opened(image=PNGS[:2], label=[0.5, 0.25], fine_label=[1, 2]).labels == {"00000000.jpg": "1", "00000001.jpg": "2"}
    assert opened(image=PNGS[:2], label=[[1], [2]], caption=["a", "b"]).labels == {}
    assert opened(image=PNGS[:2], label=pa.array(["a", "b"]).dictionary_encode()).labels["00000001.jpg"] == "b"


@pytest.mark.parametrize("metadata", ["", "[", "[]", "{}", '{"info": {"features": {"label": null}}}', '{"info": 3}'])
def test_broken_metadata_cost_only_the_names_of_the_classes(metadata):
    file = opened(image=PNGS[:2], label=[0, 1], metadata={"huggingface": metadata})
    assert (list(file.labels.values()), file.label_order) == (["0", "1"], ())


def test_what_holds_no_pictures_is_refused_with_the_remedy():
    with pytest.raises(UserError, match="x.parquet holds addresses.*img2dataset --url_list 'a b/x.parquet' .* --url_col url"):
        Parquet(write(url=["http://a/b.jpg"], caption=["a"]), "a b/x.parquet")
    with pytest.raises(UserError, match=r"no column of picture files \(a, b\); if it holds pixels: python -c"):
        opened(a=[1], b=["x"])


def test_the_command_for_columns_of_pixels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    columns = {"label": LABELS, **{f"pixel{n}": column for n, column in enumerate(PIXELS.reshape(200, -1).T.tolist())}}
    (tmp_path / "x.parquet").write_bytes(write(**columns).getvalue())
    with pytest.raises(UserError) as error:
        opened(**columns)
    command = str(error.value).split("pixels: ")[1].replace("python", sys.executable, 1)
    subprocess.run(["bash", "-c", command], check=True)
    images, labels = arrays.choose(arrays.find(PlainSource(tmp_path / "pixels.csv"))).read()
    assert (images[..., 0] == PIXELS).all()
    assert labels.tolist() == LABELS


def test_damaged_files():
    whole = write(image=STRUCTS, label=LABELS).getvalue()
    for content in (b"", b"PAR1", whole[:-20], b"PAR1" + bytes(100) + b"PAR1", whole[:-8] + b"\xff\xff\xff\x7fPAR1"):
        with pytest.raises(UserError, match=r"x.parquet is not a complete Parquet file .*; download it again"):
            Parquet(io.BytesIO(content), "x.parquet")


def test_damage_within_costs_the_pictures_that_it_hits():
    content = bytearray(write(rows=50, image=PNGS).getvalue())
    for at in range(len(content) // 2, len(content) // 2 + 400):
        content[at] ^= 0x5A
    file = Parquet(io.BytesIO(content), "x.parquet")
    results = []
    for name in file.names:
        try:
            results.append(file.read(name) in PNGS)
        except UnreadableMember:
            results.append(False)
    assert 100 <= sum(results) < 200


def test_metadata_that_promise_more_rows_than_bytes():
    """All of them null, so that they take no bytes."""
    file = write(rows=2**22, image=pa.nulls(2**22, pa.binary()))
    with pytest.raises(UserError, match="it promises 4,194,304 rows in"):
        Parquet(file, "x.parquet")


def test_random_changes_never_end_in_another_error():
    whole = write(image=STRUCTS[:20], label=LABELS[:20]).getvalue()
    for seed in range(300):
        content, rng = bytearray(whole), np.random.default_rng(seed)
        for at in rng.integers(len(content) - 1500 if seed % 2 else 0, len(content), 3):
            content[at] = rng.integers(256)
        try:
            file = Parquet(io.BytesIO(content), "x.parquet")
            for name in file.names:
                file.read(name)
        except (UserError, UnreadableMember):
            pass


def test_without_pyarrow(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UserError, match=r"Parquet files need pyarrow, .*: pip install 'tfgan\[parquet\]'"):
        Parquet(io.BytesIO(), "x.parquet")
