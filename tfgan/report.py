"""`python -m tfgan.report`: the film, the figures and one page of a run, from what training left. No TensorFlow needed."""

import pathlib

from tfgan import datasets
from tfgan.common import files
from tfgan.common.command import ArgumentParser
from tfgan.common.command import run_command
from tfgan.errors import UserError
from tfgan.runs import saved
from tfgan.view import film


def parser():
    """The command's argument parser."""
    p = ArgumentParser("tfgan.report", description="Makes a run's film, its figures and one page with everything in it.")
    p.add_argument("--run", required=True, metavar="NAME", help="a run's name, or the path of its folder")
    p.add_argument("--film", choices=film.KINDS, default="gif", help="default gif")
    p.add_argument("--data-dir", default="data", help="for the nearest training images, where they are here; default data")
    p.add_argument("--log-dir", default="logs", help="default logs")
    p.add_argument("--out-dir", default="out", help="default out")
    return p


def main():
    """Runs the command; its exit status."""
    options = parser().parse_args()
    film.require_encoder(options.film)
    run = saved.find_run(options.run, options.log_dir)
    out_dir = pathlib.Path(options.out_dir)

    from tfgan.view import gallery  # here: matplotlib takes a second to import
    from tfgan.view import page

    try:
        real = training_images(run, pathlib.Path(options.data_dir))
        made = gallery.make(run.name, out_dir, run.recipe, run.metrics(), real, options.film)
        path = out_dir / f"{run.name}.html"
        page.write(path, run, out_dir, film=made[0])
    except OSError as error:
        raise UserError(f"the report of {run.name} cannot be made: {files.describe_error(error)}; mend that") from error
    for each in (*made, path):
        print(f"Saved {each}")
    return 0


def training_images(run, data_dir):
    """The run's training images, or None, and a line that says so, where they are not here, or not the same any more."""
    reason = f"they are not in {data_dir} (--data-dir)"
    try:
        data = datasets.find_training_images(run.recipe, run.config.get("data_sha256"), data_dir)
    except UserError as error:
        data, reason = None, str(error)
    if data is None:
        print(f"Note: without the nearest training images: {reason}")
    return data and data.images


if __name__ == "__main__":
    run_command(main)
