"""Exports are compared with the session: what counts as a difference, and what is shown where the comparison fails."""

import contextlib
import os

import numpy as np
import pytest

import tfgan
from tfgan.sampling import formats


def test_differences_are_seen():
    a = np.zeros([2, 3], np.float32)
    assert formats.difference(a, a) == 0
    assert formats.difference(a + np.float32(0.25), a) == 0.25
    assert formats.difference(np.uint8([0, 255]), np.uint8([1, 254])) == 1, "without wrapping around"
    for other in (a[:1], a[:, :1], a.astype(np.float64)):
        assert formats.difference(other, a) == np.inf
    assert not formats.difference(np.full_like(a, np.nan), a) <= formats.TOLERANCE


def test_nan_in_one_batch_is_noticed(monkeypatch, tmp_path):
    def model(z):
        value = np.nan if len(z) == 3 else 0
        return {"images": np.full([len(z), 1], value, np.float32), "uint8": np.zeros([len(z), 1], np.uint8)}

    monkeypatch.setattr(formats, "load_format", lambda *_: ("a test", model))
    z = np.zeros([8, 4])
    with pytest.raises(tfgan.UserError, match="nan"):
        formats.verify("tflite", tmp_path / "model.tflite", z, 0, model(z))


@pytest.mark.parametrize(("error", "shown"), [(ValueError, "noise\n"), (tfgan.UserError, ""), (None, "")])
def test_what_others_say_is_shown_after_what_nobody_expected(capfd, error, shown):
    with pytest.raises(error) if error else contextlib.nullcontext(), formats._hide_stderr():
        os.write(2, b"noise\n")
        if error:
            raise error
    os.write(2, b"afterwards\n")
    assert capfd.readouterr() == ("", f"{shown}afterwards\n")
