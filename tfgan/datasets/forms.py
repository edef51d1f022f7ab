"""The forms in which people have a data set: looked for first, before anything is fetched.

Each data set's file declares its forms as a table of `Form`s. A form's name says where to look; the content decides. A folder,
its zip and its tar are one form.
"""

import fnmatch
import functools
import os
from collections.abc import Callable
from typing import NamedTuple

from tfgan.datasets import download
from tfgan.datasets import pack
from tfgan.datasets import sources
from tfgan.datasets import unread
from tfgan.errors import UserError

_UNFINISHED = (".part", ".crdownload", ".download")


class Form(NamedTuple):
    """One row: where a data set lies in the data folder, and who has it so."""

    name: str  # of files and folders in the data folder: a pattern in lower case, such as "*celeba*"
    who: str  # has the data so
    inside: str


class Published(NamedTuple):
    """A data set as it was published, and how to know it."""

    name: str
    title: str
    forms: tuple  # of `Form`s; the first one that is whole is taken
    remotes: tuple  # the `download.RemoteFile`s that make it whole
    folder: str  # in the data folder, that they are fetched into
    whole: int  # how many images it has
    count: Callable  # source -> how many of them the source has. A UserError says why it has none that are usable
    beside: tuple = ()  # `Form`s of what belongs to the images and lies beside them


class Place(NamedTuple):
    """What lies in the data folder under a form's name."""

    form: Form
    names: list  # in the data folder
    source: object  # of `sources.open_source`

    def __str__(self):
        path = self.source.path if len(self.names) == 1 else self.source.path / self.names[0]
        return f"{path}" + (f" and {len(self.names) - 1} more" if len(self.names) > 1 else "")


def load(published, data_dir, request, arrays, jobs):
    """The `pack.Data` of a published data set: a list, one for each packed array.

    data_dir: a Path. request: a `datasets.Request`. arrays: {name of the array: the settings of its pixels}. jobs: source -> a
    `pack.PackingJob` for each array.

    Of all places in data_dir the first one that is whole is taken, or else the one with the most images. Arrays that were packed
    from another place, which may be gone, are taken if they have more. The original is fetched if there is nothing. Raises
    UserError.
    """
    jobs = functools.cache(jobs)
    for is_last in (False, True):
        notes = []
        place, count = _choose(published, _places(published, data_dir, notes), arrays, jobs, data_dir, notes)
        earlier = None if count >= published.whole else _load_packed(arrays, data_dir, place, count)
        if earlier is None and place is not None:
            _report(published, place, data_dir, notes)
            return [pack.load_or_pack(*each, data_dir) for each in zip(jobs(place.source), arrays, strict=True)]
        if earlier is not None:
            print(f"{published.title}: as it was packed earlier, since {place or data_dir} has less of it", flush=True)
            return earlier
        if is_last:
            raise UserError(f"{published.title} was fetched into {data_dir}, but cannot be used: {'; '.join(notes)}")
        _fetch(published, data_dir, request, notes)


def matches(form, data_dir):
    """The sorted names in data_dir that are those of the form."""
    try:
        names = sorted(os.listdir(data_dir))
    except FileNotFoundError:
        return []
    names = [name for name in names if not name.startswith(".") and not name.lower().endswith(_UNFINISHED)]
    return [name for name in names if fnmatch.fnmatchcase(name.lower(), form.name)]


def open_beside(forms, data_dir):
    """One source for all that lies in data_dir under the names of these forms; None if there is nothing that can be opened."""
    names = sorted({name for form in forms for name in matches(form, data_dir)})
    try:
        return _open(data_dir, names) if names else None
    except UserError as error:
        _tell_once(f"Note: {error}")
        return None


@functools.cache
def _tell_once(line):
    print(line, flush=True)


def _open(data_dir, names):
    """One source for these files and folders in data_dir, such as the parts that Google Drive makes of a large folder."""
    if len(names) == 1:
        return sources.open_source(data_dir / names[0])
    return sources.open_source(data_dir, only=names)


def _places(published, data_dir, notes):
    """Yields a `Place` for each form that data_dir has something of. What cannot be opened becomes a line in `notes`."""
    known = {name for form in published.beside for name in matches(form, data_dir)}
    for form in published.forms:
        names = [name for name in matches(form, data_dir) if name not in known]
        known.update(names)
        if names:
            try:
                yield Place(form, names, _open(data_dir, names))
            except UserError as error:
                notes.append(str(error))


def _load_packed(arrays, data_dir, place, count):
    """The newest arrays of these names and settings, if they are from another place and have more images than count; or None."""
    origin, packed = place and str(place.source.path), []
    for name, settings in arrays.items():

        def is_wanted(manifest, settings=settings):
            is_larger = manifest["count"] > count or len(arrays) > 1
            return manifest["settings"] == settings and manifest["source"] != origin and is_larger

        packed.append(pack.load_packed(name, data_dir, is_wanted))
    return packed if all(packed) and sum(len(data.images) for data in packed) > count else None


def _choose(published, places, arrays, jobs, data_dir, notes):
    """(the first `Place` that is whole, or else the one with the most images; how many): None, 0 if none has any.

    Adds lines to `notes`. What was packed from a place as it is now tells its count without a look.
    """
    best, most = None, 0
    for place in places:
        try:
            current = [pack.count_current(*each, data_dir) for each in zip(jobs(place.source), arrays, strict=True)]
            count = sum(current) if all(current) else published.count(place.source)
        except UserError as error:
            notes.append(str(error))
            continue
        if count > most:
            if best is not None:
                notes.append(f"{best} has {most:,} of the {published.whole:,} images, and is passed over")
            best, most = place, count
        elif not count:
            notes.append(unread.refusal_inside(place.source) or f"{place} has no images of {published.title}")
        if count >= published.whole:
            break
    return best, most


def _report(published, place, data_dir, notes):
    """Prints where a data set is taken from, what else of it lies in data_dir unused, and the notes."""
    others = {name for form in published.forms for name in matches(form, data_dir)}.difference(place.names)
    others -= {name for form in published.beside for name in matches(form, data_dir)}
    unused = f"; also there, not used: {', '.join(sorted(others))}" if others else ""
    print("\n".join([f"{published.title}: {place}{unused}", *(f"Note: {note}" for note in notes)]), flush=True)


def _fetch(published, data_dir, request, notes):
    """Fetches the original. Where that fails, the UserError says what lies there already, and what may be put there."""
    request.require_fetch(published.name, data_dir)
    owners = dict.fromkeys(owner for form in published.forms for owner in form.who.split(", ") if owner != "anybody")
    remedy = (
        f"put {published.title} into {data_dir} as you have it, in a folder, a zip or a tar, under its own name (known are the "
        f"forms of {', '.join(owners)}); or give --dataset PATH"
    )
    download.find_or_fetch(published.remotes, data_dir / published.folder, remedy, notes)
