"""The tab of the user's own picture: uploaded or drawn, the noise whose image is nearest to it, and the filling of a hole."""

import base64
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
_PAD = 280  # pixels of the pad's side
_PENS = {
    "black": "#000000", "brown": "#6b4226", "tan": "#e0ac7e", "red": "#c0392b", "green": "#4c8c3c", "blue": "#5b9bd5",
    "white": "#ffffff",
}  # fmt: skip
_NOTHING = pictures.note("Nothing yet.")


def add(page):
    """Adds the tab to a `page.Page`."""
    source, own = page.source, page.picture
    shape = source.recipe.image_shape
    with gr.Tab("Your picture") as tab:
        gr.Markdown(
            f"Draw, and watch what the generator makes of it. Or upload a picture, whose middle square becomes {shape[1]} x "
            f"{shape[0]} pixels. Then find the noise behind it, or paint a hole and fill it."
        )
        with gr.Row():
            with gr.Column(scale=1, min_width=240):
                pad = gr.HTML("", html_template=_pad(shape), js_on_load=pictures.asset("pad.js"), elem_id="pad")
                upload = gr.UploadButton("Upload a picture", type="binary", size="sm")
                inverted = gr.Checkbox(label="Invert: dark lines on white paper", visible=shape[2] == 1)
            with gr.Column(scale=2, min_width=240):
                result = gr.HTML(value=_NOTHING, elem_id="found")
                label = gr.Dropdown([_ANY, *source.class_names], value=_ANY, label="Class", visible=bool(source.class_names))
                with gr.Row():
                    find = gr.Button("Find its noise", min_width=120, elem_id="find")
                    take = gr.Button("Take along", min_width=120, elem_id="take-found")
        with gr.Row():
            with gr.Column(scale=1, min_width=240):
                paper = gr.HTML(js_on_load=pictures.asset("hole.js"), elem_id="paper")
            with gr.Column(scale=2, min_width=240), gr.Row():
                fill = gr.Button("Fill the hole", min_width=120, elem_id="fill")
                clear = gr.Button("Remove the hole", min_width=120, elem_id="unhole")
        uploaded, hole, nearest = gr.State(None), gr.State([]), gr.State(None)

    def receive(generator, content):
        """Decodes an upload: the picture, no hole, and what the tab shows of it."""
        picture = picture_files.decode_picture(content, shape, "the picture")[0]
        return picture, picture, [], False, "", _paper(picture), _NOTHING, None

    def draw(generator, drawing, nearest, label):
        """Takes what is drawn on the pad for the picture, and searches for its noise, shortly, from what was found last."""
        if not drawing:
            return None, None, [], False, "", _NOTHING, None
        picture = _decode_drawing(drawing, shape)
        return picture, picture, [], False, _paper(picture), *go_on(generator, picture, nearest, label)

    def go_on(generator, picture, nearest, label):
        """Searches a little further for the noise of what is drawn."""
        if picture is None:  # the pad was cleared meanwhile
            return _NOTHING, None
        latest = nearest and (nearest.z, None if nearest.shares is None else int(nearest.shares.argmax()))
        found = generator.follow(picture, latest, _class(generator, label))
        return _outcome(generator, picture, found, "found")

    def prepare(generator, label):
        """Prepares the search, so that the first stroke need not wait for it."""
        generator.follow(np.zeros(shape, np.uint8), None, _class(generator, label), seconds=0)

    def invert(generator, picture, inverted):
        """Turns the uploaded picture's dark into light, or not, and removes the hole."""
        own = picture if picture is None or not inverted else 255 - picture
        return own, [], _paper(own), _NOTHING, None

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
    outputs = [uploaded, own, hole, inverted, paper, result, nearest]
    page.on([tab.select], prepare, [label])
    page.on([pad.input], draw, [pad, nearest, label], outputs, quick=True, cancels=searches)
    page.on([pad.submit], go_on, [own, nearest, label], [result, nearest], quick=True)
    page.on([upload.upload], receive, [upload], [*outputs[:4], pad, *outputs[4:]], cancels=searches)
    page.on([inverted.input], invert, [uploaded, inverted], [own, hole, paper, result, nearest], cancels=searches)
    page.on([paper.input], mark, [], [hole])
    page.on([clear.click], forget, [own], [hole, paper])
    page.on([take.click], take_along, [nearest, page.collection], [page.collection])


def _require(picture):
    if picture is None:
        raise UserError("there is no picture yet; draw or upload one")


def _pad(shape):
    """The pad: white on black for grey images, otherwise on white with pens of some colours."""
    paper, pens = ("black", {}) if shape[2] == 1 else ("white", _PENS)
    buttons = "".join(
        f'<button type="button" data-pen="{colour}" aria-label="{name}" style="background: {colour}"></button>'
        for name, colour in pens.items()
    )
    pen = next(iter(pens.values()), "white")
    canvas = f'<canvas class="tfgan-pad" width="{_PAD}" height="{_PAD}" data-paper="{paper}" data-first="{pen}"></canvas>'
    return f'{canvas}<div class="tfgan-pens">{buttons}<button type="button" data-clear>Clear</button></div>'


def _decode_drawing(drawing, shape):
    """The picture that was drawn, uint8 [h, w, c]. Grey ones are scaled and centred as MNIST's. drawing: the pad's value."""
    content = base64.b64decode(drawing.partition(",")[2])
    if shape[2] > 1:
        return picture_files.decode_picture(content, shape, "the drawing")[0]
    return picture_files.centre_drawing(picture_files.decode_picture(content, (_PAD, _PAD, 1), "the drawing")[0, ..., 0], shape)


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
    canvas = f'<canvas class="tfgan-hole" {size} data-picture="{address}" data-new="{new}"></canvas>'
    return f'<figure class="tfgan-figure">{canvas}<figcaption>paint a hole here</figcaption></figure>'


def _search(generator, picture, search, label, word):
    """Runs a search and shows it: (HTML, `Pick` or None) again and again, the pick at the end.

    search: a function of the arguments `labels` and `show` of `Sampler.project`, which returns an `inversion.Projected`.
    """
    number = _class(generator, label)
    labels = None if number is None else np.array([number])
    yield _beside(picture, picture, "the search begins"), None
    for step, steps, latest in _steps(lambda show: search(labels=labels, show=show)):
        if steps:
            yield _beside(picture, latest[0], f"step {step} of {steps}"), None
    yield _outcome(generator, picture, latest, word)


def _class(generator, label):
    """The number of the class that was chosen, or None."""
    return None if label == _ANY or not generator.class_names else generator.class_names.index(label)


def _outcome(generator, picture, found, word):
    """What a search found, an `inversion.Projected`, and what the tab shows of it: (HTML, `Pick`)."""
    pick = picks.of(found.z, found.labels, len(generator.class_names))[0]
    words = [f"{word}, {found.errors[0]:.1%} of the range from the picture", picks.name(pick, generator.class_names)]
    return _beside(picture, found.images[0], ", ".join(filter(None, words))), pick


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
