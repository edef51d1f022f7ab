"""The generators that come with tfgan, so that one can look at images before training.

Each is a run's folder with a model card. Its one checkpoint has what G needs for its images, and no D.
`python -m benchmarks.pretrained` makes them.
"""

import pathlib

from tfgan.errors import UserError
from tfgan.runs import manifests
from tfgan.runs import read

FOLDER = pathlib.Path(__file__).parent / "generators"


def names():
    """The names of the generators, sorted. Each is the name of the data set that the generator has learnt."""
    return sorted(path.parent.name for path in FOLDER.glob("*/config.json"))


def add_choice(parser):
    """Adds the options --run and --pretrained to a command's parser, one of which must be given."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--run", metavar="NAME", help="a run's name, or the path of its folder")
    choices = " or ".join(names())
    which.add_argument("--pretrained", metavar="NAME", help=f"a generator that comes with tfgan, in place of a run: {choices}")


def chosen_run(options):
    """The `read.SavedRun` that the options of `add_choice` and --log-dir choose. Raises UserError if there is none."""
    return pretrained(options.pretrained) if options.run is None else read.find_run(options.run, options.log_dir)


def pretrained(name):
    """The run of a generator that comes with tfgan, for `tfgan.Sampler`: a `read.SavedRun`, named pretrained-NAME.

    name: one of `names()`. The run has no D, so it gives images, but no scores. Raises UserError if there is no such generator,
    or if its files differ from their SHA-256.
    """
    if name not in (known := names()):
        others = f"it has those of {' and '.join(known)}" if known else "this copy of it has none"
        raise UserError(f"tfgan comes with no generator {name!r}; {others}; give --run, or train one with python -m tfgan.train")
    run = read.read_run(FOLDER / name)
    if reason := manifests.find_damage(run.checkpoints / f"{run.iterations:06d}"):
        raise UserError(f"the generator {name} that comes with tfgan is damaged ({reason}); install tfgan again")
    return run._replace(name=f"pretrained-{name}")
