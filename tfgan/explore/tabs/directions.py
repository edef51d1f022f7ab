"""The tab of directions: sliders that move an image along the strongest directions of the generator's first layer."""

import weakref

import gradio as gr
import numpy as np

from tfgan.explore import picks
from tfgan.explore import pictures
from tfgan.explore.picks import Pick

# An image, and seven rows of nine: 64 images, which the generator makes at once.
_ROWS, _STEPS = 7, 9
_FARTHEST = 3.0  # standard deviations of the noise


def add(page):
    """Adds the tab to a `page.Page`."""
    source = page.source
    classes = source.class_names
    count = min(_ROWS - bool(classes), source.recipe.z_dim)
    with gr.Tab("Directions") as tab:
        gr.Markdown("Click an image, then move the sliders: each moves it along one direction of its noise, the strongest first.")
        choices = pictures.component("", elem_id="directions-choices")
        candidates, base = gr.State([]), gr.State(None)
        with gr.Row():
            with gr.Column(scale=1, min_width=200):
                image = pictures.component("", elem_id="moved")
                with gr.Row():
                    reset = gr.Button("Reset", size="sm", min_width=80, elem_id="reset")
                    take = gr.Button("Take along", size="sm", min_width=80)
            with gr.Column(scale=3, min_width=300):
                sliders, strips = [], []
                for number in range(1, count + 1):
                    with gr.Group():
                        reach = (-_FARTHEST, _FARTHEST, 0)
                        sliders.append(gr.Slider(*reach, step=0.1, label=f"Direction {number}", elem_id=f"direction-{number}"))
                        strips.append(pictures.component(""))
                with gr.Group(visible=bool(classes)):
                    other = gr.Dropdown(list(classes), value=classes[0] if classes else None, label="Towards the class")
                    mix = gr.Slider(0, 1, 0, step=0.05, label="Share of that class", elem_id="mix")
                    if classes:
                        strips.append(pictures.component(""))

    def move(generator, base, other, mix, *amounts):
        """Moves the image: what the tab shows. base: a `Pick`."""
        if base is None:  # the tab was never opened
            return [gr.skip()] * (1 + len(strips))
        rows = _around(generator, base, amounts, other, mix)
        images = picks.images(generator, [pick for row in rows for pick in row])
        here, *ways = np.split(images, np.cumsum([len(row) for row in rows])[:-1])
        text = picks.name(rows[0][0], classes)
        return [pictures.figure(here[0], text), *(pictures.strip(row, "the way of this slider") for row in ways)]

    def offer(generator, collection, base, other, mix, *amounts):
        """Offers images to move, and moves the one that was chosen before, or the first."""
        candidates = page.offer(generator, collection)
        base = candidates[0] if base is None else base
        return [candidates, base, _choices(generator, candidates, base), *move(generator, base, other, mix, *amounts)]

    def choose(generator, candidates, other, event: gr.EventData):
        """Chooses the image that was clicked; it begins unmoved."""
        base = candidates[event.number]
        still = [0.0] * count
        return [base, _choices(generator, candidates, base), 0, *still, *move(generator, base, other, 0, *still)]

    def restore(generator, base, other):
        """Moves the image back."""
        still = [0.0] * count
        return [0, *still, *move(generator, base, other, 0, *still)]

    def take_along(generator, base, collection, other, mix, *amounts):
        """Takes the moved image along to the other tabs."""
        gr.Info("The image is among those taken along.", duration=3)
        return picks.take(_moved(generator, base, amounts, other, mix), collection)

    set_to = [other, mix, *sliders]
    outputs = [image, *strips]
    page.when_shown(tab, offer, [page.collection, base, *set_to], [candidates, base, choices, *outputs])
    page.on([choices.click], choose, [candidates, other], [base, choices, mix, *sliders, *outputs])
    page.on([reset.click], restore, [base, other], [mix, *sliders, *outputs])
    page.on([part.input for part in set_to], move, [base, *set_to], outputs, quick=True)
    page.on([take.click], take_along, [base, page.collection, *set_to], [page.collection])


def _choices(generator, candidates, base):
    number = picks.find(base, candidates)
    names = [picks.name(pick, generator.class_names) for pick in candidates]
    return pictures.tiles(picks.images(generator, candidates), names, [] if number is None else [number])


_known = weakref.WeakKeyDictionary()  # generator -> its directions, which take a moment to compute


def _directions(generator, count):
    if generator not in _known:
        _known[generator] = generator.directions(count)
    return _known[generator]


def _moved(generator, base, amounts, other, mix):
    """The pick moved along all directions, and mixed with the other class."""
    (z,) = generator.noise.move(base.z, np.array(amounts) @ _directions(generator, len(amounts)), [1])
    return Pick(z, _mixed(generator, base.shares, other, mix))


def _mixed(generator, shares, other, mix):
    """The shares of the classes on the way to another class. mix: 0 is the image's own class, 1 the other."""
    if shares is None:
        return None
    target = np.eye(len(shares), dtype=np.float32)[generator.class_names.index(other)]
    return (1 - mix) * shares + mix * target


def _around(generator, base, amounts, other, mix):
    """Rows of picks: the moved one alone, and for each slider those along its whole length, the others staying where they are."""
    directions = _directions(generator, len(amounts))
    rows = [[_moved(generator, base, amounts, other, mix)]]
    for number in range(len(directions)):
        along = np.tile(np.float64(amounts), [_STEPS, 1])
        along[:, number] = np.linspace(-_FARTHEST, _FARTHEST, _STEPS)
        moved = generator.noise.move(base.z, along @ directions, np.ones(_STEPS))
        rows.append([Pick(z, rows[0][0].shares) for z in moved])
    if base.shares is not None:
        z = rows[0][0].z
        rows.append([Pick(z, _mixed(generator, base.shares, other, share)) for share in np.linspace(0, 1, _STEPS)])
    return rows
