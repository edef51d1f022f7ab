"""`python -m benchmarks.pretrained NAME`: makes a generator that comes with tfgan again, in tfgan/runs/generators/NAME.

It trains the run pretrained-NAME with seed 0 (some minutes, unless that run is finished), measures it, keeps G's share of its
last checkpoint, and writes the model card. The last line says whether the bits are those that were there before. They are on the
same machine type, with the same versions and number of cores.
"""

import argparse
import json
import shutil
import string
import subprocess
import sys

from tfgan import datasets
from tfgan.common.numbers import number_text
from tfgan.quality import measurements
from tfgan.runs import pretrained
from tfgan.runs import read
from tfgan.sampling.inference import save_generator

# data set -> the options of its training. No best recipe was measured for digits; that of MNIST serves them.
OPTIONS = {"digits": "--model compact", "mnist": "--recipe best"}
ORIGINS = {  # named because the terms ask for it
    "digits": "Optical Recognition of Handwritten Digits, by E. Alpaydin and C. Kaynak (UCI, 1998)",
    "mnist": "MNIST, by Y. LeCun, C. Cortes and C. J. C. Burges",
}
FIGURES = ("frechet_distance", "precision", "recall", "classes_covered")
DATA_FILE = "model.data-00000-of-00001"  # of tf.train.Saver: all values

CARD = string.Template("""\
# The generator `$name`

It draws handwritten digits from noise: `python -m tfgan.sample --pretrained $name`. In a clone of tfgan's repository
`python -m benchmarks.pretrained $name` makes it again.

| | |
|---|---|
| data | $origin: $about; $split split, $images images |
| terms of the data, and of this generator | $terms |
| trained by | `python -m tfgan.train --dataset $name $options --seed $seed` |
| iterations | $iteration |
| on | $machine |
| parameters | $parameters, the moving averages of G's weights. G's own weights, D and Adam's moments are left out |
| noise | $z_dim numbers, $distribution |
| images | $shape |
| SHA-256 of `$file` | `$sha256` |

## How good it is

`python -m tfgan.evaluate` compared 10,000 of its samples with $real_count real images: $real. The features are those of
`$features`; docs/quality.md explains the figures.

| figure | value |
|---|---|
$figures

## What it is for

It is for a first look, and for programs that need some generator. Some of its images are no readable digits. It knows nothing
of digits beyond its data, and its images show whatever is one-sided in them. It cannot score images, because it comes without D.
""")


def generator_alone(run, folder, origin):
    """Writes a run's folder with config.json, one checkpoint of the variables that G's images follow from, and its figures.

    run: a `read.SavedRun` with a checkpoint of its last iteration. folder: a Path; what was there is removed. origin: whose data
    these are. Returns how many parameters the checkpoint has.
    """
    shutil.rmtree(folder, ignore_errors=True)
    parameters = save_generator(run, run.iterations, folder, {**run.config, "origin": origin})
    for path in run.logs.glob(f"quality/*/{run.iterations:06d}.json"):
        (folder / "quality" / path.parent.name).mkdir(parents=True)
        shutil.copyfile(path, folder / "quality" / path.parent.name / path.name)
    return parameters


def sha256(folder):
    """The SHA-256 of the values in a generator's folder, or None if there are none."""
    manifests = [*folder.glob("checkpoints/*/manifest.json")]
    return json.loads(manifests[0].read_text())["sha256"][DATA_FILE] if manifests else None


def card(name, run, folder, parameters):
    """The model card's text. parameters: how many the checkpoint has."""
    info, recipe, environment = datasets.info(name), run.recipe, run.config["environment"]
    (result,) = [r for r in measurements.read_all(run) if r["iteration"] == run.iterations]
    protocol = result["protocol"]
    return CARD.substitute(
        name=name,
        origin=ORIGINS[name],
        about=info.about,
        split=" and ".join(recipe.splits),
        images=f"{run.config['images']:,}",
        terms=info.terms,
        options=OPTIONS[name],
        seed=run.seed,
        iteration=f"{run.iterations:,}",
        machine=f"{environment['threads']} cores of {environment['processor']}, TensorFlow {environment['tensorflow']}",
        parameters=f"{parameters:,}",
        z_dim=recipe.z_dim,
        distribution=recipe.z_distribution,
        shape="x".join(map(str, recipe.image_shape)),
        file=DATA_FILE,
        sha256=sha256(folder),
        real_count=f"{protocol['real']:,}",
        real=protocol["split"],
        features=protocol["features"],
        figures="\n".join(f"| `{figure}` | {number_text(result['figures'][figure])} |" for figure in FIGURES),
    )


def main():
    """Makes the generator, and says whether its bits have changed."""
    parser = argparse.ArgumentParser(prog="benchmarks.pretrained", description="Makes a generator that comes with tfgan.")
    parser.add_argument("name", choices=OPTIONS)
    parser.add_argument("--data-dir", default="data")
    parser.add_argument("--log-dir", default="logs")
    parser.add_argument("--out-dir", default="out")
    options = parser.parse_args()
    name, folder = f"pretrained-{options.name}", pretrained.FOLDER / options.name
    places = ["--data-dir", options.data_dir, "--log-dir", options.log_dir]
    training = ["--dataset", options.name, *OPTIONS[options.name].split(), "--seed", "0", "--run", name]
    for command in (["tfgan.train", *training, "--out-dir", options.out_dir], ["tfgan.evaluate", "--run", name]):
        subprocess.run([sys.executable, "-m", *command, *places], check=True)
    run = read.find_run(name, options.log_dir)
    before = sha256(folder)
    parameters = generator_alone(run, folder, ORIGINS[options.name])
    (folder / "card.md").write_text(card(options.name, run, folder, parameters), "utf-8")
    bits = "the same bits as before" if sha256(folder) == before else "new bits"
    print(f"Saved in {folder}: {bits}")


if __name__ == "__main__":
    main()
