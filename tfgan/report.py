"""`python -m tfgan.report`: makes the film, the figures and an HTML page of a run from its files.

TensorFlow is imported for photos only, whose neighbours are looked for in the features of a network.
"""

import pathlib

from tfgan import datasets
from tfgan.common import files
from tfgan.common import places
from tfgan.common.command import ArgumentParser
from tfgan.common.command import run_command
from tfgan.errors import UserError
from tfgan.runs import read
from tfgan.view import film


def parser():
    """The command's argument parser."""
    p = ArgumentParser("tfgan.report", description="Makes a run's film, its figures, and one HTML page with everything in it.")
    p.add_argument("--run", required=True, metavar="NAME", help="a run's name, or the path of its folder")
    p.add_argument("--film", choices=film.KINDS, default="gif", help="format of the film (default gif)")
    places.add_data_options(p, "where data sets are, to show the nearest training images")
    p.add_argument("--log-dir", default="logs", help="where runs are (default logs)")
    p.add_argument("--out-dir", default="out", help="where the run's pictures are, and where all is written (default out)")
    return p


def main():
    """Runs the command and returns its exit status."""
    options = parser().parse_args()
    film.require_encoder(options.film)
    run = read.find_run(options.run, options.log_dir)
    out_dir = pathlib.Path(options.out_dir)

    from tfgan.view import gallery  # not at the top: matplotlib takes long to import
    from tfgan.view import page

    try:
        data_dir = places.data_dir(options)
        real = training_images(run, data_dir, out_dir)
        searches = {} if real is None else other_searches(run, data_dir)
        paths = gallery.make(run.name, out_dir, run.recipe, run.metrics(), real, options.film, searches)
        paths += gallery.make_classes(run, out_dir)
        path = out_dir / f"{run.name}.html"
        page.write(path, run, out_dir, film=paths[0])
    except OSError as error:
        raise UserError(f"the report of {run.name} cannot be made: {files.describe_error(error)}; fix that") from error
    for each in (*paths, path):
        print(f"Saved {each}")
    return 0


def training_images(run, data_dir, out_dir):
    """The run's training images, uint8 [N, h, w, c]. Prints a note and returns None if they are missing or have changed."""
    reason = datasets.other_images(run.recipe, data_dir)
    try:
        exclude = (data_dir, run.logs.parent, out_dir)
        data = datasets.find_training_images(run.recipe, run.config.get("data_sha256"), data_dir, exclude)
    except UserError as error:
        data, reason = None, str(error)
    if data is None:
        print(f"Note: the nearest training images are left out: {reason}")
    return data and data.images


def other_searches(run, data_dir):
    """The searches for neighbours besides that by pixels, as `gallery.make` takes them: one for photos, or none.

    Prints a note if the network for it is not installed.
    """
    if run.recipe.image_shape[2] == 1:
        return {}

    from tfgan.quality import nearest  # not at the top: scipy and TensorFlow take long to import
    from tfgan.quality.features import default_kind

    if default_kind(run.recipe.dataset, run.recipe.image_shape[2])[0] != "imagenet":
        print("Note: the training images most alike are left out: that needs pip install 'tfgan[features]'")
        return {}
    about = {"data_sha256": run.config.get("data_sha256"), "splits": run.recipe.splits, "subset": run.recipe.subset}
    return {"alike": lambda samples, real: nearest.by_features(samples, real, about, data_dir)}


if __name__ == "__main__":
    run_command(main)
