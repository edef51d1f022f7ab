"""Writes the page of a run as a folder that runs without tfgan: the exported generator, the page's code, and a model card."""

import ast
import importlib.resources
import json
import os
import pathlib
import shutil

import jinja2
import numpy as np

import tfgan
from tfgan.common import folders
from tfgan.common.command import in_shell
from tfgan.explore.exported import ABOUT
from tfgan.explore.exported import DIRECTIONS
from tfgan.explore.exported import MODEL
from tfgan.runs import saved
from tfgan.view import page as report_page

# What the folder's code imports, as tfgan itself requires it.
REQUIREMENTS = (
    "tensorflow>=2.19,<2.22", "gradio>=6.31,<7", "numpy>=1.26", "filelock>=3.21", "pillow>=10.1", "scipy", "simplejpeg"
)  # fmt: skip
_START = ("tfgan.common.command", "tfgan.explore.exported", "tfgan.explore.page")  # what app.py needs, in the end
_DATA = ("page.css", "hole.js")  # beside the code in tfgan/explore
_SAMPLES = 64
_APP = '''\
"""Opens the page: `python app.py`."""

import pathlib

from tfgan.common.command import run_command
from tfgan.explore import exported

if __name__ == "__main__":
    run_command(lambda: exported.main(pathlib.Path(__file__).parent))
'''


def write(run, iteration, folder):
    """Writes the folder (a Path) of the checkpoint of a `saved.SavedRun`, in place of an earlier one. Prints what is in it.

    The folder appears complete, or stays as it was. Raises UserError if it contains other things, or if the checkpoint or the
    export is not in order; OSError if it cannot be written.
    """
    with folders.new_version(folder, ABOUT, "page") as part:
        _write(run, iteration, part)
        names = sorted(os.listdir(part))
    print(f"Saved in {folder}: {', '.join(names)}")
    print(f"It runs with: cd {in_shell(folder)} && pip install -r requirements.txt && python app.py")


def _write(run, iteration, folder):
    # On the CPU, as for `python -m tfgan.export`.
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    from tfgan.sampling.formats import export
    from tfgan.sampling.inference import Sampler

    model = folder / MODEL
    model.mkdir()
    export(run, iteration, ["savedmodel"], model)
    with Sampler(run, iteration) as sampler:
        np.save(folder / DIRECTIONS, sampler.directions(run.recipe.z_dim))
        epsilon = sampler.noise.epsilon
        _save_samples(sampler, run.seed, folder / "samples.png")
    about = {
        "tfgan_explore": 1,  # the version of this file's format
        "run": run.name,
        "about": run.about,
        "iteration": iteration,
        "seed": run.seed,
        "classes": [*run.classes],
        "recipe": {name: getattr(run.recipe, name) for name in ("z_dim", "z_distribution", "image_shape")},
        "z_epsilon": epsilon,
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=1) + "\n", "utf-8")
    parameters = json.loads((model / "model.json").read_text())["parameters"]
    (folder / "README.md").write_text(card(run, iteration, parameters), "utf-8")
    (folder / "requirements.txt").write_text("\n".join(REQUIREMENTS) + "\n", "utf-8")
    (folder / "app.py").write_text(_APP, "utf-8")
    copy_code(folder)


def _save_samples(sampler, seed, path):
    """Writes the first samples of a seed as one picture."""
    from tfgan.sampling import sinks

    made = sampler.images(sampler.z(_SAMPLES, seed), sampler.labels(_SAMPLES, seed))
    with sinks.open_sink("png", path, made.shape) as add:
        add(made)


def card(run, iteration, parameters):
    """The model card, a README.md with YAML front matter. parameters: how many the generator has."""
    recipe = run.recipe
    evaluations = [{"iteration": found["iteration"], "rows": report_page.quality(found)} for found in saved.read_evaluations(run)]
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters["cell"] = _cell
    template = environment.from_string(importlib.resources.files("tfgan.explore").joinpath("card.md").read_text("utf-8"))
    height, width, channels = recipe.image_shape
    return template.render(
        name=run.name, version=tfgan.__version__, model=recipe.model, seed=run.seed, samples=_SAMPLES, parameters=parameters,
        iteration=iteration, iterations=run.iterations, height=height, width=width, channels=channels, z_dim=recipe.z_dim,
        z_distribution={"uniform": "uniform in [-1, 1)", "normal": "standard normal"}[recipe.z_distribution],
        classes=[*run.classes], data=report_page.data(run), recipe=report_page.recipe(run), evaluations=evaluations,
    )  # fmt: skip


def _cell(value):
    """A value as the text of a cell of a Markdown table."""
    return str(value).replace("|", "\\|").replace("\n", " ")


def copy_code(folder):
    """Copies the modules that the page needs into the folder, as a small package `tfgan`. No module of it builds a graph."""
    package = pathlib.Path(tfgan.__file__).parent
    for path in needed_modules():
        target = folder / "tfgan" / path.relative_to(package)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.name == "__init__.py":  # nothing is imported from it, and it may import what is not needed
            target.write_text(f'"""{ast.get_docstring(ast.parse(path.read_text("utf-8")), clean=False)}"""\n', "utf-8")
        else:
            shutil.copyfile(path, target)
    for name in _DATA:
        shutil.copyfile(package / "explore" / name, folder / "tfgan" / "explore" / name)


def needed_modules():
    """The files of tfgan that the page of an exported generator imports, directly or not, and their packages: sorted Paths."""
    found, waiting = {}, [*_START]
    while waiting:
        name = waiting.pop()
        if name in found or not name.startswith("tfgan"):
            continue
        path = _path_of(name)
        if path is None:  # a name in a module
            waiting.append(name.rpartition(".")[0])
            continue
        found[name] = path
        waiting.append(name.rpartition(".")[0])
        if path.name != "__init__.py":
            waiting += imports_of(path)
    return sorted(found.values())


def _path_of(name):
    """The file of a module or package of tfgan, or None if there is none of that name."""
    place = pathlib.Path(tfgan.__file__).parent.joinpath(*name.split(".")[1:])
    candidates = (place.with_suffix(".py"), place / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


def imports_of(path):
    """The dotted names that a file imports, also inside of functions."""
    names = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names
