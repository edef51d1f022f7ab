"""`python -m tfgan.datasets`: lists the data sets. With a name, it fetches, packs and shows that data set."""

import pathlib

import numpy as np

from tfgan import datasets
from tfgan.common import images
from tfgan.common import places
from tfgan.common.command import ArgumentParser
from tfgan.common.command import run_command
from tfgan.datasets import pack
from tfgan.errors import UserError

_GRID = 64  # images in the grid
_NAME_BYTES = 200  # of a name that files' names begin with; a file system allows 255 in all


def parser():
    """The command's argument parser."""
    p = ArgumentParser("tfgan.datasets", description="Lists the data sets. With a name, fetches, packs and shows that data set.")
    p.add_argument("dataset", nargs="?", metavar="NAME_OR_PATH", help="a data set, or a folder, archive or file of images")
    p.add_argument("--image-size", type=int, metavar="N", help="side of the images in pixels (default: its model's size)")
    p.add_argument("--keep-going", action="store_true", help="pack even if more than 5%% of the pictures are damaged")
    places.add_data_options(p)
    p.add_argument("--log-dir", default="logs", help="folder of runs; its pictures are not packed (default logs)")
    p.add_argument("--out-dir", default="out", help="where the picture is saved (default out)")
    return p


def main():
    """Runs the command; its exit status."""
    options = parser().parse_args()
    data_dir, out_dir = places.data_dir(options), pathlib.Path(options.out_dir)
    if options.dataset is None:
        try:
            show_list(data_dir)
        except OSError as error:
            raise UserError(f"--data-dir: cannot read {error.filename}: {error.strerror}; allow it, or give another") from error
        return 0
    dataset = datasets.resolve(options.dataset, data_dir)
    info = datasets.info(dataset)
    datasets.refuse_folder(dataset, "--out-dir", options.out_dir)
    side = info.size if options.image_size is None else options.image_size
    if not 8 <= side <= 1024:
        raise UserError(f"--image-size is {side}; it must be from 8 to 1024")
    exclude = (options.data_dir, options.log_dir, options.out_dir)
    request = datasets.Request((side, side), info.splits, options.keep_going, exclude, channels=info.channels)
    data = load_what_is_there(dataset, data_dir, request)
    if options.image_size and data.images.shape[1] != side:
        print(f"{info.name} is packed in its own size; training enlarges it")
    show(info, data, out_dir)
    return 0


def load_what_is_there(name, data_dir, request):
    """The `pack.Data` of all splits, or of the first alone where the others are not there: training wants no more."""
    first = request.splits[:1]
    if request.splits == first:
        return datasets.load(name, data_dir, request)
    try:
        return datasets.load(name, data_dir, request._replace(fetch=False))
    except UserError:
        try:
            data = datasets.load(name, data_dir, request._replace(splits=first, fetch=False))
        except UserError:
            return datasets.load(name, data_dir, request)
        print(f"Shown is what training wants, the {first[0]} split; the rest is not there, or not complete")
        return data


def show_list(data_dir):
    """Prints each data set, its terms, and its state in data_dir. Packed pictures of the user follow."""
    for info in datasets.DATASETS.values():
        print(f"{info.name:<15}{info.about}; {info.terms}\n{'':<15}{state(info, data_dir)}")
    for name, manifest in pack.list_manifests("own", data_dir).items():
        print(f"{name}\n{'':<15}{manifest['count']:,} pictures of {manifest['source']}, packed")
    print("\nFor your own, give a folder, archive or file. To fetch, pack and see one: python -m tfgan.datasets NAME_OR_PATH")


def state(info, data_dir):
    """A data set's state in words, such as 'embedded' or 'perhaps in celeba.zip; packed (celeba-28x28: 202,599)'."""
    from tfgan.datasets import forms  # not at the top: it imports what downloads

    if info.name == "digits":
        return "embedded"
    arrays = [f"{name}: {manifest['count']:,}" for name, manifest in pack.list_manifests(info.name, data_dir).items()]
    present = sorted({name for form in datasets.forms_of(info.name) for name in forms.matches(form, data_dir)})
    states = [f"perhaps in {', '.join(present)}"] if present else []
    states += [f"packed ({', '.join(arrays)})"] if arrays else []
    return "; ".join(states) or f"absent from {data_dir}"


def name_of(info):
    """What files of a data set are named after: its name, or the beginning of that of the user's folder or archive."""
    name = info.name if info.path is None else info.path.resolve().name
    return name.encode(errors="surrogateescape")[:_NAME_BYTES].decode(errors="ignore")


def show(info, data, out_dir):
    """Prints a summary of the data, and saves a grid of random images as out/NAME-real.png."""
    count, *shape = data.images.shape
    print(f"{count:,} images of {' x '.join(map(str, shape))}; terms: {info.terms}")
    if data.labels is not None:
        each = np.bincount(data.labels) if data.labels.ndim == 1 else data.labels.sum(0)
        names = ", ".join(data.label_names[:10]) + (" ..." if len(data.label_names) > 10 else "")
        print(f"{len(data.label_names)} labels with {each.min():,} to {each.max():,} images each: {names}")
    rows = np.random.default_rng(0).permutation(count)[:_GRID]
    path = out_dir / f"{name_of(info)}-real.png"
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        images.save_png(path, images.enlarge(images.square_grid(data.images[np.sort(rows)])))
    except OSError as error:
        raise UserError(f"--out-dir: {path} cannot be written ({error.strerror}); give another") from error
    print(f"Saved {path}")


if __name__ == "__main__":
    run_command(main)
