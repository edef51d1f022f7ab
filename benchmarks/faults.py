"""`python -m benchmarks.faults`: kills training at random instants, again and again, and compares what comes out in the end.

Own pictures are packed and trained on with tiny batches; the process gets SIGKILL at a random instant of a random phase:
packing, start, training, the saving of a checkpoint, the writing of a picture. The same command goes on each time; its end
must be that of a run that nothing disturbed: every variable, picture and number, bit for bit.
"""

import argparse
import collections
import contextlib
import itertools
import json
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tfgan.tf1 import tf

_PICTURES = 200  # enough to be decoded by processes of their own
_OPTIONS = (
    "--batch-size=4", "--iterations=60", "--checkpoint-every=7", "--sample-every=5", "--summary-every=3",
    "--histogram-every=10", "--image-size=28", "--run=run",
)  # fmt: skip
MOST = 10  # kills in one run: packing, among others, is done once in each
_MORE_OPTIONS = {"vanilla": ["--conditional=auxiliary"], "dcgan28": []}  # with labels and without
_PACE = {"vanilla": 1, "dcgan28": 8}  # how much longer a model's phases last
_LONGEST = 300  # seconds until a phase must have come


def make_pictures(folder, seed=0):
    """Some hundred JPEGs of noise, in two sub-folders, which are their classes."""
    rng = np.random.default_rng(seed)
    for n in range(_PICTURES):
        path = folder / "ab"[n % 3 > 0] / f"{n}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(path)


def start(folder, model, pictures):
    """The command, in a folder, in a session of its own."""
    options = ["--model", model, "--dataset", str(pictures), *_OPTIONS, *_MORE_OPTIONS[model]]
    command = [sys.executable, "-m", "tfgan.train", *options]
    with open(folder / "output", "ab") as output:
        return subprocess.Popen(command, cwd=folder, stdout=output, stderr=output, start_new_session=True)


# phase -> what appears, or becomes another file, when it begins, and how long it lasts, in seconds
_PHASES = {
    "start": ("output", 6.0),
    "packing": ("data/packed/*.part", 0.4),
    "training": ("logs/run/metrics.jsonl", 1.5),
    "saving": ("logs/run/checkpoints/.part", 0.06),
    "picture": ("out/*.part", 0.01),
}


def seen(folder, pattern):
    """The files of that pattern, as they are now: what an earlier process left is told from what this one makes."""
    found = set()
    for path in folder.glob(pattern):
        with contextlib.suppress(FileNotFoundError):
            facts = path.stat()
            found.add((path.name, facts.st_ino, facts.st_ctime_ns))
    return found


def resumed(folder):
    """The iterations from which processes went on."""
    return [int(n) for n in re.findall(r"Continuing run from iteration (\d+)", (folder / "output").read_text())]


def kill_once(process, folder, phase, pace, before, rng):
    """Kills the process at a random instant of that phase; False where it ended before. before: what was `seen` then."""
    pattern, length = _PHASES[phase]
    deadline = time.monotonic() + _LONGEST
    while phase != "start" and seen(folder, pattern) <= before and process.poll() is None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"no {phase} within {_LONGEST} s")
        time.sleep(0.0005)
    end = time.monotonic() + rng.uniform(0, length * (1 if phase in ("start", "packing") else pace))
    while time.monotonic() < end and process.poll() is None:
        time.sleep(0.0005)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def finish(process, folder):
    """Waits for a process that nothing disturbs."""
    if process.wait():
        raise RuntimeError((folder / "output").read_text())


def disturbed(folder, model, pictures, kills, rng):
    """Runs the command until it has ended by itself, killing it at most so often; a Counter of the phases it was killed in."""
    done = collections.Counter()
    while done.total() < kills:
        phase = rng.choice(list(_PHASES))
        if phase == "packing" and any(folder.glob("data/packed/*.json")):
            continue  # it is done once
        before = seen(folder, _PHASES[phase][0])
        process = start(folder, model, pictures)
        if not kill_once(process, folder, phase, _PACE[model], before, rng):
            finish(process, folder)
            return done
        done[phase] += 1
    finish(start(folder, model, pictures), folder)
    return done


def state(folder):
    """All that a run left, by name, without what tells the time."""
    logs = folder / "logs" / "run"
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(logs / "checkpoints")))
    found = {f"variable {name}": reader.get_tensor(name).tobytes() for name in reader.get_variable_to_shape_map()}
    found |= {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("out/*")}
    found |= {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("data/packed/*.npy")}
    found["checkpoints"] = sorted(path.name for path in (logs / "checkpoints").iterdir())
    found["files"] = sorted(path.name for path in logs.iterdir() if "tfevents" not in path.name)
    lines = [json.loads(line) for line in (logs / "metrics.jsonl").read_text().splitlines()]
    found["metrics"] = [{k: v for k, v in line.items() if k != "images_per_second"} for line in lines]
    events = EventAccumulator(str(logs), size_guidance={"scalars": 0, "images": 0, "histograms": 0})
    events.Reload()
    tags = events.Tags()
    for tag in tags["scalars"]:
        found[f"scalar {tag}"] = [(e.step, e.value if "per_second" not in tag else None) for e in events.Scalars(tag)]
    for tag in tags["images"]:
        found[f"image {tag}"] = [(e.step, e.encoded_image_string) for e in events.Images(tag)]
    for tag in tags["histograms"]:
        found[f"histogram {tag}"] = [(e.step, e.histogram_value) for e in events.Histograms(tag)]
    return found


def differences(a, b):
    """The names of what differs between two states, or is in one only."""
    return sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name))


def main():
    """Kills until it has done so `--kills` times, in as many runs as that takes."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--kills", type=int, default=100)
    p.add_argument("--model", default="vanilla", choices=_PACE, help="at batches of 4; vanilla has labels")
    p.add_argument("--seed", type=int, default=0)
    options = p.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as scratch:
        place = pathlib.Path(scratch)
        pictures = place / "pictures"
        make_pictures(pictures)
        whole = place / "whole"
        whole.mkdir()
        finish(start(whole, options.model, pictures), whole)
        expected = state(whole)
        total, bad = collections.Counter(), 0
        for n in itertools.count():
            if total.total() >= options.kills:
                break
            folder = place / str(n)
            folder.mkdir()
            killed = disturbed(folder, options.model, pictures, min(MOST, options.kills - total.total()), rng)
            total += killed
            wrong = differences(expected, state(folder))
            bad += bool(wrong)
            words = f"differs in {', '.join(wrong)}" if wrong else f"all {len(expected)} things equal"
            print(f"run {n}: killed {killed.total()} times {dict(killed)}, went on from {resumed(folder)}; {words}", flush=True)
    print(f"{options.model}: {total.total()} kills {dict(total)} in {n} runs, of which {bad} differ")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
