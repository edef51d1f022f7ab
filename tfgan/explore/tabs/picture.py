"""The tab of the user's own picture: the noise whose image is nearest to it, and the filling of a hole."""

import importlib.resources
import queue
import secrets
import threading

import gradio as gr
import numpy as np

from tfgan.errors import UserError
from tfgan.explore import picks
from tfgan.explore import pictures
from tfgan.sampling import picture_files

_ANY = "try each"  # the classes of a conditional run


def add(page):
    """Adds the tab to a `page.Page`."""
    source = page.source
    shape = source.recipe.image_shape
    with gr.Tab("Your picture"):
        gr.Markdown(
            f"Upload a picture. Its middle square becomes {shape[1]} x {shape[0]} pixels. Then find the noise behind it, or "
            "paint a hole and fill it."
        )
        with gr.Row():
            with gr.Column(scale=1, min_width=240):
                upload = gr.UploadButton("Upload a picture", type="binary", variant="primary")
                inverted = gr.Checkbox(label="Invert: dark lines on white paper", visible=shape[2] == 1)
                hole_js = importlib.resources.files("tfgan.explore").joinpath("hole.js").read_text("utf-8")
                paper = gr.HTML(js_on_load=hole_js, elem_id="paper")
                clear = gr.Button("Remove the hole", size="sm", elem_id="unhole")
            with gr.Column(scale=2, min_width=240):
                label = gr.Dropdown([_ANY, *source.class_names], value=_ANY, label="Class", visible=bool(source.class_names))
                with gr.Row():
                    find = gr.Button("Find its noise", min_width=120, elem_id="find")
                    fill = gr.Button("Fill the hole", min_width=120, elem_id="fill")
                result = gr.HTML(value=pictures.note("Nothing yet."), elem_id="found")
                take = gr.Button("Take the found image along", size="sm")
        uploaded, own, hole, nearest = gr.State(None), gr.State(None), gr.State([]), gr.State(None)

    def receive(generator, content):
        """Decodes an upload: the picture, no hole, and what the tab shows of it."""
        picture = picture_files.decode_picture(content, shape, "the picture")[0]
        return picture, picture, [], False, _paper(picture), pictures.note("Nothing yet."), None

    def invert(generator, picture, inverted):
        """Turns the uploaded picture's dark into light, or not, and removes the hole."""
        own = picture if picture is None or not inverted else 255 - picture
        return own, [], _paper(own), pictures.note("Nothing yet."), None

    def mark(generator, event: gr.EventData):
        """The hole that was painted: the numbers of its pixels."""
        return event.hole

    def forget(generator, picture):
        """Removes the hole."""
        return [], _paper(picture)

    def project(generator, picture, label):
        """Finds the noise of the picture: what the tab shows meanwhile, and at the end the pick."""
        _require(picture)
        yield from _search(generator, picture, lambda **more: generator.project(picture[None], **more), label, "found")

    def complete(generator, picture, hole, label):
        """Fills the hole: what the tab shows meanwhile, and at the end the pick."""
        _require(picture)
        mask = _mask(hole, shape)
        holed = np.where(mask[..., None], np.uint8(127), picture)
        yield from _search(generator, holed, lambda **more: generator.complete(picture[None], mask, **more), label, "filled")

    def take_along(generator, nearest, collection):
        """Takes the image that was found along to the other tabs."""
        if nearest is None:
            raise UserError("there is nothing to take along yet; find the noise of a picture first")
        gr.Info("The image is among those taken along.", duration=3)
        return picks.take(nearest, collection)

    searches = [
        page.on([find.click], project, [own, label], [result, nearest]),
        page.on([fill.click], complete, [own, hole, label], [result, nearest]),
    ]
    page.on([upload.upload], receive, [upload], [uploaded, own, hole, inverted, paper, result, nearest], cancels=searches)
    page.on([inverted.input], invert, [uploaded, inverted], [own, hole, paper, result, nearest], cancels=searches)
    page.on([paper.input], mark, [], [hole])
    page.on([clear.click], forget, [own], [hole, paper])
    page.on([take.click], take_along, [nearest, page.collection], [page.collection])


def _require(picture):
    if picture is None:
        raise UserError("there is no picture yet; upload one")


def _mask(hole, shape):
    """The hole as bool [h, w]. Raises UserError if it is nothing, or everything."""
    mask = np.zeros(shape[:2], bool)
    mask.flat[np.array(hole, int)] = True
    if not mask.any():
        raise UserError("there is no hole yet; paint one on the picture")
    if mask.all():
        raise UserError("the hole is the whole picture, so there is nothing to go by; leave a part of the picture")
    return mask


def _paper(picture):
    """The canvas on which the hole is painted."""
    if picture is None:
        return ""
    height, width, _ = picture.shape
    address = pictures.address(pictures.png(picture), "image/png")
    size = f'width="{width}" height="{height}"'
    new = secrets.token_hex(4)  # the browser begins anew, without a hole, only where the text has changed
    return f'<canvas class="tfgan-hole" {size} data-picture="{address}" data-new="{new}"></canvas>'


def _search(generator, picture, search, label, word):
    """Runs a search and shows it: (HTML, `Pick` or None) again and again, the pick at the end.

    search: a function of the arguments `labels` and `show` of `Sampler.project`, which returns an `inversion.Projected`.
    """
    labels = None if label == _ANY or not generator.class_names else np.array([generator.class_names.index(label)])
    yield _beside(picture, picture, "the search begins"), None
    for step, steps, latest in _steps(lambda show: search(labels=labels, show=show)):
        if steps:
            yield _beside(picture, latest[0], f"step {step} of {steps}"), None
    pick = picks.of(latest.z, latest.labels, len(generator.class_names))[0]
    words = [f"{word}, {latest.errors[0]:.1%} of the range from the picture", picks.name(pick, generator.class_names)]
    yield _beside(picture, latest.images[0], ", ".join(filter(None, words))), pick


def _beside(picture, image, text):
    return f'<div class="tfgan-figures">{pictures.figure(picture, "your picture")}{pictures.figure(image, text)}</div>'


def _steps(work):
    """Runs work(show) in a thread: yields what it shows, and at the end (0, 0, what it returns). Raises what it raises.

    The work ends early if nobody asks for more.
    """
    steps, outcome, abandoned = queue.SimpleQueue(), [], threading.Event()

    def show(*progress):
        if abandoned.is_set():
            raise InterruptedError
        steps.put(progress)

    def run():
        try:
            outcome.append((0, 0, work(show)))
        except Exception as error:
            outcome.append(error)
        steps.put(None)

    threading.Thread(target=run, daemon=True).start()  # daemon: a command that is ended does not wait for it
    try:
        while (progress := steps.get()) is not None:
            yield progress
    finally:
        abandoned.set()
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    yield outcome[0]
