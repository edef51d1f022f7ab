"""Exports are compared with the session: what counts as a difference, and what is shown where the comparison fails."""

import contextlib
import json
import os

import numpy as np
import pytest

import tfgan
from tests.models.handmade import write_run
from tfgan import recipes
from tfgan.sampling import formats
from tfgan.sampling import inference


def test_differences_are_seen():
    a = np.zeros([2, 3], np.float32)
    assert formats.difference(a, a) == 0
    assert formats.difference(a + np.float32(0.25), a) == 0.25
    assert formats.difference(np.uint8([0, 255]), np.uint8([1, 254])) == 1, "without wrapping around"
    for other in (a[:1], a[:, :1], a.astype(np.float64)):
        assert formats.difference(other, a) == np.inf
    assert not formats.difference(np.full_like(a, np.nan), a) <= formats.TOLERANCE


def comparisons(z, expected):
    """With z alone, in batches of eight, three and one."""
    parts = [{name: x[:size] for name, x in expected.items()} for size in (8, 3, 1)]
    return [formats.Comparison("serving_default", {"z": z[: len(part["images"])]}, part) for part in parts]


def test_nan_in_one_batch_is_noticed(monkeypatch, tmp_path):
    def model(z):
        value = np.nan if len(z) == 3 else 0
        return {"images": np.full([len(z), 1], value, np.float32), "uint8": np.zeros([len(z), 1], np.uint8)}

    monkeypatch.setattr(formats, "load_format", lambda *_: ("a test", model))
    z = np.zeros([8, 4])
    with pytest.raises(tfgan.UserError, match="nan"):
        formats.verify("tflite", tmp_path / "model.tflite", comparisons(z, model(z)))


class Sampler:
    """Makes images whose values are -2, 0 and 2."""

    def __init__(self, run, iteration):
        self.iteration = iteration

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def z(self, count, seed):
        return np.full([count, 5], seed)

    def labels(self, count, seed):
        return np.zeros(count, np.int32)

    def values(self, z, labels=None):
        return np.float32([[-2, 0, 2]]).repeat(len(z), axis=0)

    def images(self, z, labels=None):
        return np.uint8([[0, 128, 255]]).repeat(len(z), axis=0)


@pytest.mark.parametrize(("dataset", "model", "noise"), [
    ("celeba", "dcgan28", "uniform in [-1, 1)"), ("mnist", "dcgan64", "normal, mean 0 and variance 1"),
    ("/home/me/private/pets", "dcgan64", "normal, mean 0 and variance 1"),
])  # fmt: skip
def test_what_an_export_says_of_itself(monkeypatch, tmp_path, capsys, dataset, model, noise):
    """The file model.json and the printed line; a format is compared in 65 images, whose values are cut to the range.

    Of the user's own pictures it has the folder's name, and not where that lies.
    """
    given = []
    monkeypatch.setattr(formats, "Sampler", Sampler)
    monkeypatch.setattr(formats, "write_formats", lambda *_: 1_234_567)
    monkeypatch.setattr(formats, "verify", lambda name, path, *rest: given.append((name, path, *rest)) or {"bytes": 5})
    recipe = recipes.recipe(model, "celeba" if dataset == "celeba" else "mnist").replace(z_dim=5, dataset=dataset)
    run = write_run(tmp_path / "run", recipe, {}, seed=9)
    formats._export(run, 12_000, ["tflite", "savedmodel"], tmp_path)
    side = recipe.image_shape[0]
    shape = f"[N, {side}, {side}, 3]"
    line = f"Generator of run, iteration 12,000: {model}, 1,234,567 parameters, z [N, 5] -> images {shape}\n"
    assert capsys.readouterr().out == line
    outputs = f"images: float32 {shape} from 0 to 1, uint8: uint8 {shape} from 0 to 255"
    assert json.loads((tmp_path / "model.json").read_text()) == {
        "tfgan_export": 1, "run": "run", "iteration": 12_000, "model": model, "dataset": dataset.rpartition("/")[2],
        "parameters": 1_234_567,
        "z_dim": 5, "z_distribution": noise, "image_shape": [side, side, 3],
        "signatures": {
            "serving_default": f"z: float32 [N, 5] -> {outputs}",
            "from_seed": f"seed: int64 [], count: int64 [] -> {outputs}; in saved_model only",
            "noise": "seed: int64 [], chunk: int64 [] -> z: float32 [64, 5]; in saved_model only",
            "gradient": f"z: float32 [N, 5], images: float32 {shape} from 0 to 1, weights: float32 [N, {side}, {side}] -> loss: "
            f"float32 [N], gradient: float32 [N, 5], images: float32 {shape} from 0 to 1; in saved_model only",
        },
        "tolerance": {"images": 1e-4, "uint8": 1}, "files": {"model.tflite": {"bytes": 5}, "saved_model": {"bytes": 5}},
        "versions": {"tfgan": tfgan.__version__, "tensorflow": formats.tf.__version__},
    }  # fmt: skip
    assert [(name, path.name) for name, path, _ in given] == [("tflite", "model.tflite"), ("savedmodel", "saved_model")]
    *of_z, of_seed = given[0][2]
    assert [(each.signature, each.inputs["z"].shape) for each in of_z] == [("serving_default", (n, 5)) for n in (8, 3, 1)]
    assert (of_seed.signature, of_seed.inputs) == ("from_seed", {"seed": 9, "count": 65})
    assert of_seed.expected["images"][64].tolist() == [0, 0.5, 1]


def test_what_a_conditional_export_says_of_its_signatures(monkeypatch, tmp_path, capsys):
    """Where a label goes in, and where labels come out."""
    monkeypatch.setattr(formats, "Sampler", Sampler)
    monkeypatch.setattr(formats, "write_formats", lambda *_: 7)
    recipe = recipes.recipe("dcgan28", "mnist").replace(z_dim=5, conditional="concat", classes=3)
    formats._export(write_run(tmp_path / "run", recipe, {}, classes={"a": 5, "b": 1, "c": 1}), 2, [], tmp_path)
    assert ": dcgan28, 7 parameters, z [N, 5], label [N] of 3 classes -> images [N, 28, 28, 1]\n" in capsys.readouterr().out
    about = json.loads((tmp_path / "model.json").read_text())
    assert about["classes"] == ["a", "b", "c"]
    z, images, only = "z: float32 [N, 5]", "float32 [N, 28, 28, 1] from 0 to 1", "; in saved_model only"
    outputs = f"images: {images}, uint8: uint8 [N, 28, 28, 1] from 0 to 255"
    assert about["signatures"] == {
        "serving_default": f"{z}, label: int32 [N] from 0 to 2 -> {outputs}",
        "from_seed": "seed: int64 [], count: int64 [], label: int32 [] from 0 to 2, or -1 for all as frequent as in the data -> "
        f"{outputs}{only}",
        "noise": f"seed: int64 [], chunk: int64 [] -> z: float32 [64, 5], label: int32 [64]{only}",
        "gradient": f"{z}, images: {images}, weights: float32 [N, 28, 28], label: int32 [N] -> loss: float32 [N], "
        f"gradient: float32 [N, 5], images: {images}{only}",
        "mixed": f"{z}, shares: float32 [N, 3] -> uint8: uint8 [N, 28, 28, 1]{only}",
    }


def test_fastgan_is_exported_and_makes_its_images(fastgan_run, tmp_path):
    """Of usual noise and of truncated noise, which is very short."""
    formats.write_formats(fastgan_run, 1, ["savedmodel"], tmp_path)
    _, model = formats.load_format("savedmodel", tmp_path / "saved_model")
    with inference.Sampler(fastgan_run) as sampler:
        z = sampler.z(5, seed=1)
        for given in (z, sampler.noise.truncate(z, 0.3)):
            made = model(z=given)
            np.testing.assert_allclose(made["images"], (sampler.values(given) + 1) / 2, atol=1e-5)
            assert np.abs(made["uint8"].astype(int) - sampler.images(given)).max() <= 1
        of_seed = model("from_seed", seed=np.int64(1), count=np.int64(5))["images"]
        np.testing.assert_allclose(of_seed, (sampler.values(z) + 1) / 2, atol=1e-5)
    assert made["images"].std(0).mean() < 0.5 * of_seed.std(0).mean()


@pytest.mark.parametrize(("by", "levels", "good"), [
    (0.9e-4, 1, True), (1.1e-4, 1, False), (0, 2, False), (0, 0, True),
])  # fmt: skip
def test_how_far_an_export_may_differ(monkeypatch, tmp_path, capsys, by, levels, good):
    """In batches of eight, three and one; its size is that of all its files."""
    sizes = []

    def model(z):
        sizes.append(len(z))
        return {"images": np.full([len(z), 1], float(by)), "uint8": np.full([len(z), 1], levels, np.uint8)}

    (tmp_path / "model.tflite").write_bytes(bytes(2_340_000))
    monkeypatch.setattr(formats, "load_format", lambda *_: ("a test", model))
    expected = {"images": np.zeros([9, 1]), "uint8": np.zeros([9, 1], np.uint8)}
    arguments = ("tflite", tmp_path / "model.tflite", comparisons(np.zeros([9, 4]), expected))
    differs = f"in a test {'it ' if good else ''}differs from the session by up to {by:.1e} (limit 0.0001), in uint8 by {levels} "
    if good:
        assert formats.verify(*arguments) == {"bytes": 2_340_000, "difference": {"images": by, "uint8": levels}}
        assert capsys.readouterr().out == f"model.tflite   2.3 MB; {differs}(limit 1)\n"
    else:
        with pytest.raises(tfgan.UserError) as error:
            formats.verify(*arguments)
        remedy = "nothing was written. Give the other formats, and please report this"
        assert str(error.value) == f"model.tflite {differs}(limit 1); {remedy}"
    assert sizes == [8, 3, 1]


@pytest.mark.parametrize(("error", "shown"), [(ValueError, "noise\n"), (tfgan.UserError, ""), (None, "")])
def test_what_others_say_is_shown_after_what_nobody_expected(capfd, error, shown):
    with pytest.raises(error) if error else contextlib.nullcontext(), formats._hide_stderr():
        os.write(2, b"noise\n")
        if error:
            raise error
    os.write(2, b"afterwards\n")
    assert capfd.readouterr() == ("", f"{shown}afterwards\n")
