"""How TensorFlow is made ready: a first session that says nothing, GPUs that stay as they are; an error in a forked process."""

import os
import subprocess
import sys

import numpy as np
import pytest

import tfgan
from tfgan import tf1
from tfgan.quality.features import Extractor

PROGRAM = """
import multiprocessing, os, sys, tfgan
sampler = tfgan.Sampler(tfgan.pretrained("digits"))
z = sampler.z(1, seed=0)
images = sampler.images(z)

def error_of(use):
    try:
        use()
    except tfgan.UserError as error:
        return str(error)

def in_child(n):
    uses = (lambda: sampler.images(z), lambda: sampler.project(images), lambda: tfgan.Sampler(tfgan.pretrained("digits")))
    return os.getpid(), [error_of(use) for use in uses]

if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(1) as pool:
        print(os.getpid(), *pool.map(in_child, [0])[0])
    if not (child := os.fork()):
        sampler.close()
        sys.exit(7)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), (sampler.images(z) == images).all())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_says_that_it_was_forked(tmp_path):
    """It ends as any other; and the parent goes on."""
    (tmp_path / "program.py").write_text(PROGRAM)
    result = subprocess.run(
        [sys.executable, tmp_path / "program.py"], capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path,
    )  # fmt: skip
    told, ended = result.stdout.splitlines()
    parent, child, errors = told.split(" ", 2)
    assert errors.count(f"process {parent} used TensorFlow before it forked this one, {child}, where it cannot work; ") == 3
    assert errors.count("or start processes by multiprocessing's spawn") == 3
    assert ended == "7 True"


def test_all_that_computes_says_so(monkeypatch, tmp_path):
    with tfgan.Sampler(tfgan.pretrained("digits")) as sampler, Extractor("random", (8, 8, 1), "x", tmp_path) as extractor:
        monkeypatch.setattr(tf1, "_process", -1)  # as if another process had begun
        for use in (
            lambda: sampler.z(1, seed=0),
            lambda: sampler.images(np.zeros([1, 64])),
            lambda: sampler.directions(1),
            lambda: sampler.project(np.zeros([1, 28, 28, 1], np.uint8)),
            lambda: extractor(np.zeros([1, 8, 8, 1], np.uint8)),
            tf1.Session,
        ):
            with pytest.raises(tfgan.UserError, match="process -1 used TensorFlow before it forked this one"):
                use()


@pytest.mark.slow
def test_a_first_session_says_nothing():
    """Without a GPU the runtime would print that CUDA found none. A notebook shows that in red."""
    if tf1.may_have_gpu():
        pytest.skip("here the runtime has a GPU to look for")
    code = "from tfgan.tf1 import tf; tf.Session(graph=tf.Graph()).close()"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout + result.stderr == ""


@pytest.mark.parametrize(("name", "may_have"), [
    ("null", False), ("nvme0", False), ("nvidia0", True), ("nvidiactl", True), ("nvhost-gpu", True), ("dxg", True), ("kfd", True)
])  # fmt: skip
def test_which_machines_may_have_a_gpu(tmp_path, monkeypatch, name, may_have):
    """There the devices are not looked for while TensorFlow is imported: CUDA_VISIBLE_DEVICES may be set after that."""
    (tmp_path / name).touch()
    monkeypatch.setattr(sys, "platform", "linux")
    assert tf1.may_have_gpu(tmp_path) == may_have
    monkeypatch.setattr(sys, "platform", "darwin")
    assert tf1.may_have_gpu(tmp_path)
