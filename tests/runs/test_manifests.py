"""The manifests of checkpoints: which checkpoint is whole, what is wrong with another, and which one is used."""

import json

import pytest

from tests.conftest import assert_says
from tfgan.common import files
from tfgan.errors import UserError
from tfgan.runs import manifests


def checkpoint(folder, content=b"weights", **changes):
    """A checkpoint by hand, of one file."""
    folder.mkdir()
    (folder / "model.index").write_bytes(b"weights")
    manifest = {"format": 1, "iteration": 5, "sha256": {"model.index": files.digest(folder / "model.index")}}
    (folder / "model.index").write_bytes(content)
    (folder / "manifest.json").write_text(json.dumps({**manifest, **changes}))
    return folder


@pytest.mark.parametrize(("changes", "reason"), [
    ({}, None), ({"content": b"wrights"}, "model.index differs from what was written"),
    ({"format": 2}, "its manifest belongs to another checkpoint"),
    ({"iteration": 6}, "its manifest belongs to another checkpoint"),
    ({"sha256": None}, "its manifest cannot be read"), ({"sha256": {"model.data": ""}}, "model.data is missing"),
])  # fmt: skip
def test_what_is_wrong_with_a_checkpoint(tmp_path, changes, reason):
    folder = checkpoint(tmp_path / "000005", **changes)
    assert manifests.find_damage(folder) == reason
    for content, words in (("{", "its manifest cannot be read"), ("[1]", "its manifest cannot be read")):
        (folder / "manifest.json").write_text(content)
        assert manifests.find_damage(folder) == words
    (folder / "manifest.json").unlink()
    assert manifests.find_damage(folder) == "manifest.json is missing"


def test_all_checkpoints_are_named_if_none_is_whole(tmp_path):
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "000007/model"\n')
    checkpoint(tmp_path / "000005", format=2)
    with pytest.raises(UserError) as error:
        manifests.newest_whole(tmp_path)
    damage = f"{tmp_path}/000005 is damaged (its manifest belongs to another checkpoint)"
    assert_says(error.value, f"{tmp_path}/000007 is gone", damage, "Put one back, or start over with --fresh")


def test_a_checkpoint_before_lost_ones_is_used_with_a_warning_for_each(tmp_path, capsys):
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "000007/model"\n')
    checkpoint(tmp_path / "000005")
    checkpoint(tmp_path / "000006", format=2)
    assert manifests.newest_whole(tmp_path) == 5
    before = f"using the one before, {tmp_path}/000005"
    assert capsys.readouterr().out.splitlines() == [
        f"Warning: checkpoint {tmp_path}/000007 is gone; {before}",
        f"Warning: checkpoint {tmp_path}/000006 is damaged (its manifest belongs to another checkpoint); {before}",
    ]
