"""`python -m benchmarks.eye --run NAME --against IMAGES`: samples shuffled among real photos, for an eye that counts whole ones.

It writes sheets of 20 numbered images, NAME-eye-1.png and so on, and a key, NAME-eye.json, with the numbers of the real ones. Who
counts sees the sheets and the rules of docs/results/photos.md, and the key only afterwards. The samples' seed is one by which
nothing was chosen.
"""

import argparse
import json
import pathlib

import numpy as np
from PIL import Image
from PIL import ImageDraw

from tfgan import datasets
from tfgan.common import images
from tfgan.datasets import Request
from tfgan.runs import read
from tfgan.sampling.inference import Sampler

_TILE, _MARGIN = 200, 24  # pixels of a tile, and of the line with its number
_ROWS, _COLUMNS = 4, 5
_SEED = 43


def sheet(pictures, first):
    """A picture of numbered tiles: uint8 [h, w, 3]. pictures: uint8 [N, h, w, 3]; first: the first one's number."""
    paper = Image.new("RGB", (_COLUMNS * _TILE, _ROWS * (_TILE + _MARGIN)), "white")
    draw = ImageDraw.Draw(paper)
    for place, picture in enumerate(pictures):
        x, y = place % _COLUMNS * _TILE, place // _COLUMNS * (_TILE + _MARGIN)
        paper.paste(images.to_pillow(picture).resize([_TILE - 8] * 2, Image.Resampling.BICUBIC), (x, y + _MARGIN))
        draw.text((x + 4, y + 4), str(first + place), fill="black", font_size=16)
    return np.asarray(paper)


def main():
    """Writes the sheets and the key."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--run", required=True)
    p.add_argument("--against", required=True, metavar="IMAGES", help="real photos that the run was not trained on")
    p.add_argument("--iteration", help="of the checkpoint (default: the newest)")
    p.add_argument("--samples", type=int, default=100)
    p.add_argument("--real", type=int, default=20)
    p.add_argument("--log-dir", default="logs")
    p.add_argument("--data-dir", default="data")
    p.add_argument("--out-dir", default="out")
    options = p.parse_args()
    run, data_dir, out = read.find_run(options.run, options.log_dir), *map(pathlib.Path, (options.data_dir, options.out_dir))
    with Sampler(run, read.resolve_iteration(run, options.iteration)) as sampler:
        samples = sampler.images(sampler.z(options.samples, _SEED), sampler.labels(options.samples, _SEED))
    real = datasets.load(options.against, data_dir, Request(samples.shape[1:3], exclude=(data_dir, out))).images
    draws = np.random.RandomState(_SEED)
    real = images.resize_to_shape(real[draws.choice(len(real), options.real, replace=False)], samples.shape[1:])
    order = draws.permutation(len(samples) + len(real))
    out.mkdir(parents=True, exist_ok=True)
    shuffled, step = np.concatenate([samples, real])[order], _ROWS * _COLUMNS
    for begin in range(0, len(shuffled), step):
        images.save_png(out / f"{run.name}-eye-{begin // step + 1}.png", sheet(shuffled[begin : begin + step], begin + 1))
    key = {"run": run.name, "real": (np.flatnonzero(order >= len(samples)) + 1).tolist()}
    (out / f"{run.name}-eye.json").write_text(json.dumps(key) + "\n")


if __name__ == "__main__":
    main()
