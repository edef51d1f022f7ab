"""What PyTorch's implementation computes: efficientnet_lite_pytorch 0.1.0, with the published weights.

`python -m tests.graph.efficientnet_reference` writes efficientnet.json anew. It needs torch and that package.
"""

import json
import pathlib

import numpy as np

from tfgan.graph import efficientnet

GOLDEN = pathlib.Path(__file__).with_name("efficientnet.json")
NETWORKS = ("lite0", "lite2")
SIDES = (96, 224)
PICTURES = 2
_STRIDES = 4, 8, 16, 32


def picture(number, height, width):
    """A deterministic picture, float64 [height, width, 3] in 0 to 255: sums of waves, with an edge in the second one."""
    y, x = np.mgrid[:height, :width] / np.array([height, width])[:, None, None]
    c = np.arange(3)
    y, x = y[..., None], x[..., None]
    waves = np.sin(7 * x + 3 * y * (c + 1) + number) + np.sin(31 * x * y + 2 * c) + np.sin((19 + 9 * number) * (y - x) - c)
    return np.clip(127.5 + 42.5 * waves + 80.0 * number * (x + y > 1.1), 0, 255)


def summary(outputs):
    """What is compared of a list of arrays: their shapes, and for each its mean, its norm, the largest, and every n-th value."""
    return [
        {
            "shape": list(x.shape),
            "mean": float(x.mean(dtype=np.float64)),
            "norm": float(np.linalg.norm(x.astype(np.float64).ravel())),
            "largest": float(np.abs(x).max()),
            "values": [float(f"{value:.7g}") for value in x.ravel()[:: (x.size // 12) | 1]],  # an odd number: of all channels
        }
        for x in outputs
    ]


def by_pytorch(name, image):
    """PyTorch's [four stages, [h, w, c] each; pooled values; logits]. image: [h, w, 3] in 0 to 255.

    Without a size, its convolutions pad as TensorFlow's SAME does, and not always as for 224x224.
    """
    import efficientnet_lite_pytorch
    import torch

    published = efficientnet._PUBLISHED[name]
    path = efficientnet._folder_of(published.package) / "models" / published.file
    network = efficientnet_lite_pytorch.EfficientNet.from_name(f"efficientnet-{name}", image_size=None)
    network.load_state_dict(torch.load(path))
    network.eval()
    stages = {}

    def keep(module, inputs, output):
        stages[output.shape[2:]] = output  # the last of its size remains

    for block in network._blocks:
        block.register_forward_hook(keep)
    with torch.no_grad():
        x = torch.tensor(((image - 127.0) / 128.0).transpose(2, 0, 1)[None], dtype=torch.float32)
        pooled = network.extract_features(x).mean((2, 3))
        logits = network._fc(pooled)
    of_strides = [stages[tuple(-(-side // stride) for side in image.shape[:2])] for stride in _STRIDES]
    return [*(stage[0].permute(1, 2, 0).numpy() for stage in of_strides), pooled[0].numpy(), logits[0].numpy()]


def main():
    """Writes the golden values."""
    cases = [(name, side, number) for name in NETWORKS for side in SIDES for number in range(PICTURES)]
    lines = []
    for name, side, number in cases:
        outputs = summary(by_pytorch(name, picture(number, side, side)))
        lines.append(json.dumps({"network": name, "side": side, "picture": number, "outputs": outputs}))
    GOLDEN.write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main()
