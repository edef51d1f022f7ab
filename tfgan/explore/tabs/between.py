"""The tab of the way between images: as strips, and as a film to save."""

import pathlib
import tempfile

import gradio as gr
import numpy as np

from tfgan.explore import picks
from tfgan.explore import pictures
from tfgan.view import film

_STOPS = 4
_STEPS, _MOST_STEPS = 10, 30


def add(page):
    """Adds the tab to a `page.Page`."""
    with gr.Tab("Between") as tab:
        gr.Markdown("Click two to four images in the order in which the way leads through them; a second click takes one out.")
        choices = pictures.component("", elem_id="between-choices")
        candidates, stops = gr.State([]), gr.State([])
        steps = gr.Slider(3, _MOST_STEPS, _STEPS, step=1, label="Steps from one image to the next")
        with gr.Row():
            with gr.Column(scale=3, min_width=300):
                strips = pictures.component("", elem_id="way")
                links = pictures.component("", elem_id="save-way")
            with gr.Column(scale=1, min_width=200):
                moving = pictures.component("", elem_id="film")

    def show(generator, candidates, stops, steps):
        """What the tab shows of a way."""
        marks = {picks.find(stop, candidates): str(n + 1) for n, stop in enumerate(stops)}
        names = [picks.name(pick, generator.class_names) for pick in candidates]
        tiles = pictures.tiles(picks.images(generator, candidates), names, marks=marks)
        if len(stops) < 2:
            return tiles, pictures.note("Choose at least two images."), "", ""
        legs = picks.way(stops, int(steps), generator.noise)
        images = picks.images(generator, [pick for leg in legs for pick in leg])
        rows = images.reshape(len(legs), int(steps), *images.shape[1:])
        return (
            tiles,
            "".join(pictures.strip(row, f"the way, part {n + 1}") for n, row in enumerate(rows)),
            *_files(page.source.name, rows),
        )

    def offer(generator, collection, stops, steps):
        """Offers images, and shows the way through those that were chosen before, or through the first three.

        Those that were chosen before are offered, too: a click takes them out.
        """
        candidates = page.offer(generator, collection)
        stops = stops or candidates[:3]
        candidates = [*candidates, *(stop for stop in stops if picks.find(stop, candidates) is None)]
        return candidates, stops, *show(generator, candidates, stops, steps)

    def choose(generator, candidates, stops, steps, event: gr.EventData):
        """Puts the image that was clicked at the end of the way, or takes it out."""
        stops = picks.toggle(candidates[event.number], stops, _STOPS)
        return stops, *show(generator, candidates, stops, steps)

    outputs = [choices, strips, links, moving]
    page.when_shown(tab, offer, [page.collection, stops, steps], [candidates, stops, *outputs])
    page.on([choices.click], choose, [candidates, stops, steps], [stops, *outputs])
    page.on([steps.input], show, [candidates, stops, steps], outputs)


def _files(name, rows):
    """(links that save the strips and the film, the film itself). rows: uint8 [legs, steps, h, w, c]."""
    once = np.concatenate([rows[0], *rows[1:, 1:]])  # each stop ends one leg and begins the next
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "film.gif"
        film.save_interpolation(path, once[None])
        content = path.read_bytes()
    strips = pictures.enlarged(rows.reshape(-1, *rows.shape[2:]), *rows.shape[:2])
    links = pictures.saving(
        ("Save the strips as PNG", f"{name}-between.png", strips, "image/png"),
        ("Save the film as GIF", f"{name}-between.gif", content, "image/gif"),
    )
    return links, f'<img class="tfgan-film" src="{pictures.address(content, "image/gif")}" alt="the way as a film">'
