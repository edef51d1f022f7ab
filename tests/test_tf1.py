"""How TensorFlow is made ready: a first session that says nothing, and GPUs that stay as they are."""

import subprocess
import sys

import pytest

from tfgan import tf1


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
