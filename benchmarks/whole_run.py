"""`python -m benchmarks.whole_run --data-dir DIR`: one epoch of CelebA from Enter to the last picture, tfgan's and PyTorch's.

Both train dcgan28 on the faces of DIR/img_align_celeba at 28x28, batch 32. Each program is a process of its own, with its
imports, its data and its picture at the end. They run in turn. tfgan is the README's command: in a new data folder, where it
packs the faces first ("first"), and then in the same folder ("packed"). PyTorch is written as its DCGAN example is: a DataLoader
with two processes decodes, crops and resizes each JPEG when its turn comes. Adam is fused; the layout is channels_last.
"""

import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

_SIDE, _CROP, _BATCH = 28, 108, 32


def train_in_pytorch(folder, picture):
    """One epoch of dcgan28 on the JPEGs of a folder; 25 samples at the end."""
    import torch
    from PIL import Image
    from torch.utils.data import DataLoader
    from torch.utils.data import Dataset

    from benchmarks import torch_models

    class Faces(Dataset):
        def __init__(self):
            self.paths = sorted(pathlib.Path(folder).glob("*.jpg"))

        def __len__(self):
            return len(self.paths)

        def __getitem__(self, index):
            image = Image.open(self.paths[index]).convert("RGB")
            left, top = (image.width - _CROP) // 2, (image.height - _CROP) // 2
            image = image.crop((left, top, left + _CROP, top + _CROP)).resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
            pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).reshape(_SIDE, _SIDE, 3)
            return pixels.permute(2, 0, 1).float() / 127.5 - 1  # [3, h, w]

    loader = DataLoader(Faces(), _BATCH, shuffle=True, num_workers=2, drop_last=True)
    step, g = torch_models.make_training("dcgan28", _BATCH, ("fused", "channels_last"), channels=3)
    for iteration, real in enumerate(loader):
        losses = step(real)
        if iteration % 100 == 0:
            print(iteration, *(float(loss) for loss in losses))
    with torch.no_grad():
        samples = g(torch.rand(25, 100) * 2 - 1).reshape(5, 5, 3, _SIDE, _SIDE)
    grid = samples.permute(0, 3, 1, 4, 2).reshape(5 * _SIDE, 5 * _SIDE, 3)
    Image.fromarray(((grid + 1) * 127.5).byte().numpy()).save(picture)


def seconds(command):
    """How long a command takes. Raises CalledProcessError if it fails."""
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begin


def one_round(faces, folder):
    """{name: seconds} of the three programs, whose files lie in a new folder. faces: where the JPEGs are."""
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "img_align_celeba").symlink_to(faces)
    ours = ["-m", "tfgan.train", "--dataset", "celeba", "--data-dir", folder / "data"]
    ours += ["--log-dir", folder / "logs", "--out-dir", folder / "out"]
    theirs = ["-m", "benchmarks.whole_run", "--data-dir", faces, "--pytorch", faces, folder / "grid.png"]
    commands = {"first": [*ours, "--run", "first"], "packed": [*ours, "--run", "packed"], "PyTorch": theirs}
    return {name: seconds([sys.executable, *command]) for name, command in commands.items()}


def main():
    """Times the programs in turn and prints medians and ratios."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data-dir", type=pathlib.Path, required=True)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--pytorch", nargs=2, help=argparse.SUPPRESS)  # PyTorch's process, of this program's own
    options = p.parse_args()
    if options.pytorch:
        train_in_pytorch(*options.pytorch)
        return
    faces = (options.data_dir / "img_align_celeba").resolve()
    with tempfile.TemporaryDirectory() as scratch:
        all_rounds = [one_round(faces, pathlib.Path(scratch) / str(number)) for number in range(options.rounds + 1)]
    rounds = all_rounds[1:]  # the first one warms up
    median = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
    print(f"PyTorch {median.pop('PyTorch'):>8.1f} s")
    for name in median:
        ratios = [each["PyTorch"] / each[name] for each in rounds]
        spread = f"({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"{name:<8}{median[name]:>8.1f} s   PyTorch takes {statistics.median(ratios):.2f} times as long {spread}")


if __name__ == "__main__":
    main()
