"""The model card of a folder that `folder.write` makes: a README.md with YAML front matter, as model hubs show it."""

import importlib.resources

import jinja2

import tfgan
from tfgan.quality import measurements
from tfgan.view import page as report_page

SAMPLES = 64  # in its picture
_NOISE = {"uniform": "uniform in [-1, 1)", "normal": "standard normal"}


def text(run, iteration, parameters):
    """The card of a checkpoint of a `read.SavedRun`. parameters: how many G has."""
    recipe = run.recipe
    evaluations = [
        {"iteration": result["iteration"], "rows": report_page.quality(result)} for result in measurements.read_all(run)
    ]
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters["cell"] = _cell
    template = environment.from_string(importlib.resources.files("tfgan.explore").joinpath("card.md").read_text("utf-8"))
    height, width, channels = recipe.image_shape
    return template.render(
        name=run.name, version=tfgan.__version__, model=recipe.model, seed=run.seed, samples=SAMPLES, parameters=parameters,
        iteration=iteration, iterations=run.iterations, height=height, width=width, channels=channels, z_dim=recipe.z_dim,
        z_distribution=_NOISE[recipe.z_distribution], classes=[*run.classes], data=report_page.data(run),
        recipe=report_page.recipe(run), evaluations=evaluations,
    )  # fmt: skip


def _cell(value):
    """A value as the text of a cell of a Markdown table."""
    return str(value).replace("|", "\\|").replace("\n", " ")
