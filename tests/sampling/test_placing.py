"""An export takes its place whole, or the earlier one stays."""

import os

import pytest

from tfgan.sampling import exports


@pytest.mark.parametrize("earlier", [True, False])
@pytest.mark.parametrize("instant", range(1, 9))
def test_an_interruption_at_any_instant(tmp_path, monkeypatch, earlier, instant):
    part = tmp_path / ".part"
    for folder, content in ((part, "new"), *([(tmp_path, "old")] if earlier else [])):
        (folder / "saved_model").mkdir(parents=True)
        for name in ("saved_model/a.pb", "model.tflite", "model.onnx", "model.json"):
            (folder / name).write_text(content)

    def content_of_all():
        return {path.name: path.read_text() for path in tmp_path.rglob("*") if path.is_file() and part not in path.parents}

    before, replace, calls = content_of_all(), os.replace, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == instant:
            raise KeyboardInterrupt
        replace(*arguments)

    monkeypatch.setattr(os, "replace", interrupted)
    moves = 8 if earlier else 4
    if instant <= moves:
        with pytest.raises(KeyboardInterrupt):
            exports.replace_export(part, ["savedmodel", "tflite", "onnx"], tmp_path)
        assert content_of_all() == before
    else:
        exports.replace_export(part, ["savedmodel", "tflite", "onnx"], tmp_path)
        assert set(content_of_all().values()) == {"new"}
