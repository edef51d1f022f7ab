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
    with gr.Tab("Samples") as tab:
        gr.Markdown("Click the images that you want to take along to the other tabs.")
        with gr.Row():
            seed = gr.Number(picks.first_seed(source), label="Seed", precision=0, min_width=120)
            count = gr.Slider(1, _MOST, _COUNT, step=1, label="Count", min_width=160)
            label = gr.Dropdown(
                [_ANY, *source.class_names], value=_ANY, label="Class", visible=bool(source.class_names), min_width=140
            )
            truncation = gr.Slider(
                0.1, _FREE, _FREE, step=0.1, label=f"Truncation ({_FREE:g}: none)", min_width=160,
                visible=source.recipe.z_distribution == "normal"
            )  # fmt: skip
        drawn = gr.State([])
        tiles = pictures.component("", value=pictures.note("The generator is being loaded."), elem_id="samples")
        links = pictures.component("", elem_id="save-samples")
        gr.Markdown("**Taken along** (click an image to leave it here)")
        along = pictures.component("", value=pictures.note("Nothing yet."), elem_id="taken")

    def draw(generator, seed, count, label, truncation, taken):
        """Draws samples: the state of the tab, and what it shows."""
        seed = picks.whole_seed(seed)
        z, labels = generator.z(int(count), seed), generator.labels(int(count), seed)
        if truncation < _FREE and generator.recipe.z_distribution == "normal":
            z = generator.noise.truncate(z, truncation)
        if label != _ANY:
            labels = np.full(len(z), source.class_names.index(label))
        found = picks.of(z, labels, len(source.class_names))
        made = picks.images(generator, found)
        links = _links(source.name, made, z, labels, seed)
        return found, _tiles(generator, made, found, taken), links, _along(generator, taken)

    def take(generator, drawn, taken, event: gr.EventData):
        """Takes a sample along, or leaves it: the new list, and what the tab shows."""
        taken = picks.toggle(drawn[event.number], taken, picks.MOST_TAKEN)
        return taken, _tiles(generator, picks.images(generator, drawn), drawn, taken), _along(generator, taken)

    def leave(generator, drawn, taken, event: gr.EventData):
        """Leaves an image that was taken along: as `take`."""
        taken = picks.toggle(taken[event.number], taken, picks.MOST_TAKEN)
        return taken, _tiles(generator, picks.images(generator, drawn), drawn, taken), _along(generator, taken)

    asked = [seed, count, label, truncation, page.taken]
    shown = [drawn, tiles, links, along]
    page.when_shown(tab, draw, asked, shown)
    page.at_start(draw, asked, shown)
    page.on([seed.input, count.input, label.input, truncation.input], draw, asked, shown)
    page.on([tiles.click], take, [drawn, page.taken], [page.taken, tiles, along])
    page.on([along.click], leave, [drawn, page.taken], [page.taken, tiles, along])


def _tiles(generator, made, found, taken):
    names = [picks.name(pick, generator.class_names) for pick in found]
    chosen = [number for number, pick in enumerate(found) if picks.find(pick, taken) is not None]
    return pictures.tiles(made, names, chosen)


def _along(generator, taken):
    return pictures.tiles(picks.images(generator, taken)) if taken else pictures.note("Nothing yet.")


def _links(name, made, z, labels, seed):
    """Links that save the images as one picture, and as an archive of arrays."""
    columns = int(np.ceil(np.sqrt(len(made))))
    picture = pictures.enlarged(made, -(-len(made) // columns), columns)
    arrays = {"z": z} if labels is None else {"z": z, "labels": labels.astype(np.int32)}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "samples.npz"
        with sinks.open_sink("npz", path, made.shape, **arrays) as put:
            put(made)
        archive = path.read_bytes()
    return pictures.saving(
        ("Save as PNG", f"{name}-seed{seed}.png", picture, "image/png"),
        ("Save as npz", f"{name}-seed{seed}.npz", archive, "application/octet-stream"),
    )
