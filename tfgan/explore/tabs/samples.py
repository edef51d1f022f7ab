"""The tab of samples: draws them, saves them, and takes some along to the other tabs."""

import pathlib
import tempfile

import gradio as gr
import numpy as np

from tfgan.explore import picks
from tfgan.explore import pictures
from tfgan.sampling import sinks

_COUNT, _MOST = 24, 256
_ANY = "as in the data"  # the classes of a conditional run
_FREE = 3.0  # a truncation that changes nothing to speak of, and so is none


def add(page):
    """Adds the tab to a `page.Page`."""
    source = page.source
    with gr.Tab("Samples", id="samples") as tab:
        gr.Markdown("Click **New samples** until you like some images, then click these to take them along to the other tabs.")
        with gr.Row(elem_classes="tfgan-head"):
            seed = gr.Number(picks.first_seed(source), label="Seed", precision=0, min_width=120)
            count = gr.Slider(1, _MOST, _COUNT, step=1, label="Count", min_width=160)
            label = gr.Dropdown(
                [_ANY, *source.class_names], value=_ANY, label="Class", visible=bool(source.class_names), min_width=140
            )
            truncation = gr.Slider(
                0.1, _FREE, _FREE, step=0.1, label=f"Truncation ({_FREE:g}: none)", min_width=160,
                visible=source.recipe.z_distribution == "normal"
            )  # fmt: skip
            renew = gr.Button("New samples", min_width=120, elem_id="renew")
        samples = gr.State([])
        tiles = pictures.component("", value=pictures.note("The generator is being loaded."), elem_id="samples")
        links = pictures.component("", elem_id="save-samples")
        gr.Markdown("**Taken along** (click an image to leave it here)")
        along = pictures.component("", value=pictures.note("Nothing yet."), elem_id="collection")

    def draw(generator, seed, count, label, truncation, collection):
        """Draws samples: the state of the tab, and what it shows."""
        seed = picks.whole_seed(seed)
        z, labels = generator.z(int(count), seed), generator.labels(int(count), seed)
        if truncation < _FREE and generator.recipe.z_distribution == "normal":
            z = generator.noise.truncate(z, truncation)
        if label != _ANY:
            labels = np.full(len(z), source.class_names.index(label))
        new = picks.of(z, labels, len(source.class_names))
        images = picks.images(generator, new)
        links = _links(source.name, images, z, labels, seed)
        return new, _tiles(generator, images, new, collection), links, _along(generator, collection)

    def draw_next(generator, seed, *others):
        """Draws the samples of the next seed: that seed, and what `draw` returns."""
        seed = picks.whole_seed(seed) + 1
        return seed, *draw(generator, seed, *others)

    def take(generator, samples, collection, event: gr.EventData):
        """Takes a sample along, or leaves it: the new list, and what the tab shows."""
        return switch(generator, samples, collection, samples[event.number])

    def leave(generator, samples, collection, event: gr.EventData):
        """Leaves an image that was taken along: the new list, and what the tab shows."""
        return switch(generator, samples, collection, collection[event.number])

    def switch(generator, samples, collection, pick):
        collection = picks.toggle(pick, collection, picks.MOST)
        tiles = _tiles(generator, picks.images(generator, samples), samples, collection)
        return collection, tiles, _along(generator, collection)

    settings = [seed, count, label, truncation, page.collection]
    outputs = [samples, tiles, links, along]
    page.when_shown(tab, draw, settings, outputs)
    page.at_start(draw, settings, outputs)
    page.on([seed.input, count.input, label.input, truncation.input], draw, settings, outputs)
    page.on([renew.click], draw_next, settings, [seed, *outputs])
    page.on([tiles.click], take, [samples, page.collection], [page.collection, tiles, along])
    page.on([along.click], leave, [samples, page.collection], [page.collection, tiles, along])


def _tiles(generator, images, samples, collection):
    names = [picks.name(pick, generator.class_names) for pick in samples]
    selection = [number for number, pick in enumerate(samples) if picks.find(pick, collection) is not None]
    return pictures.tiles(images, names, selection)


def _along(generator, collection):
    return pictures.tiles(picks.images(generator, collection)) if collection else pictures.note("Nothing yet.")


def _links(name, images, z, labels, seed):
    """Links that save the images as one picture, and as an archive of arrays."""
    columns = int(np.ceil(np.sqrt(len(images))))
    picture = pictures.enlarged(images, -(-len(images) // columns), columns)
    arrays = {"z": z} if labels is None else {"z": z, "labels": labels.astype(np.int32)}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "samples.npz"
        with sinks.open_sink("npz", path, images.shape, **arrays) as add:
            add(images)
        archive = path.read_bytes()
    return pictures.saving(
        ("Save as PNG", f"{name}-seed{seed}.png", picture, "image/png"),
        ("Save as npz", f"{name}-seed{seed}.npz", archive, "application/octet-stream"),
    )
