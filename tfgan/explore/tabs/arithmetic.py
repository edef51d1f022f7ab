"""The tab of arithmetic: A - B + C of the mean noise of groups of images, after Radford et al. 2015, arXiv:1511.06434."""

import gradio as gr
import numpy as np

from tfgan.explore import picks
from tfgan.explore import pictures
from tfgan.explore.picks import Pick

_SAMPLES = 32  # offered beside the images taken along
_NEAR = 9  # the result and eight images near it
_AMOUNT = 0.25  # of noise that makes them
_CENTRED = (1, 2, 3, 4, 0, 5, 6, 7, 8)  # their order in a square: the result in the middle
_GROUPS = ("A", "minus B", "plus C")
_MOST = 12  # images in a group


def add(page):
    """Adds the tab to a `page.Page`."""
    source = page.source
    with gr.Tab("Arithmetic") as tab:
        gr.Markdown(
            "Click images into groups. The result is the image of A - B + C, computed with the groups' mean noise. "
            "Groups of three or more images work better than single ones: a mean keeps what they have in common."
        )
        with gr.Row():
            group = gr.Radio(list(_GROUPS), value=_GROUPS[0], label="A click puts an image into", min_width=220)
            seed = gr.Number(picks.first_seed(source) + 1, label="Seed of the images", precision=0, min_width=120)
        offered, groups, near = gr.State([]), gr.State([[], [], []]), gr.State([])
        choices = pictures.component("", elem_id="arithmetic-choices")
        with gr.Row():
            shown_groups = []
            for n, name in enumerate(_GROUPS):
                with gr.Column(min_width=150):
                    gr.Markdown(f"**{name}** (click to take out)")
                    shown_groups.append(pictures.component("", elem_id=f"group-{'abc'[n]}"))
            with gr.Column(min_width=240):
                gr.Markdown("**The result**, amid images near it (click to take along)")
                result = pictures.component("", elem_id="result")

    def show(generator, offered, groups):
        """What the tab shows: the offered images, the groups, and the result."""
        marks = {}
        for text, members in zip(("A", "-B", "+C"), groups, strict=True):
            for member in members:
                marks.setdefault(picks.find(member, offered), text)
        marks.pop(None, None)
        names = [picks.name(pick, generator.class_names) for pick in offered]
        tiles = pictures.tiles(picks.images(generator, offered), names, marks=marks)
        found = _result(generator, groups)
        square = pictures.note("Put an image into A.")
        if found:
            made = picks.images(generator, found)
            square = pictures.tiles(made, [picks.name(pick, generator.class_names) for pick in found], [_NEAR // 2], size="three")
        return found, tiles, *(_members(generator, members) for members in groups), square

    def offer(generator, taken, seed, groups):
        """Offers the images taken along and samples of the seed."""
        found = [*taken, *picks.first_samples(generator, _SAMPLES, picks.whole_seed(seed))]
        if not any(groups):  # to begin with, three images of one class
            alike = [
                pick
                for pick in found
                if picks.name(pick, page.source.class_names) == picks.name(found[0], page.source.class_names)
            ]
            groups = [[pick] for pick in alike[:3]]
        return found, groups, *show(generator, found, groups)

    def put(generator, offered, groups, group, event: gr.EventData):
        """Puts the image that was clicked into the group, or takes it out."""
        at = _GROUPS.index(group)
        groups = [picks.toggle(offered[event.number], m, _MOST) if n == at else m for n, m in enumerate(groups)]
        return groups, *show(generator, offered, groups)

    def taker(at):
        def take_out(generator, offered, groups, event: gr.EventData):
            """Takes an image out of the group `at`."""
            left = [m[: event.number] + m[event.number + 1 :] if n == at else m for n, m in enumerate(groups)]
            return left, *show(generator, offered, left)

        return take_out

    def take_along(generator, near, taken, event: gr.EventData):
        """Takes the result, or an image near it, along to the other tabs."""
        gr.Info("The image is among those taken along.", duration=3)
        return picks.take(near[event.number], taken)

    shown = [near, choices, *shown_groups, result]
    page.when_shown(tab, offer, [page.taken, seed, groups], [offered, groups, *shown])
    page.on([seed.input], offer, [page.taken, seed, groups], [offered, groups, *shown])
    page.on([choices.click], put, [offered, groups, group], [groups, *shown])
    for n, part in enumerate(shown_groups):
        page.on([part.click], taker(n), [offered, groups], [groups, *shown])
    page.on([result.click], take_along, [near, page.taken], [page.taken])


def _members(generator, members):
    return pictures.tiles(picks.images(generator, members)) if members else pictures.note("empty")


def _result(generator, groups):
    """The picks of the result and of what is near it, the result in the middle; [] where A is empty.

    The result has the mean of A's classes, minus B's, plus C's, as far as these are shares at all.
    """
    if not groups[0]:
        return []
    rows = [picks.arrays(members) if members else (None, None) for members in groups]
    z = generator.noise.arithmetic(*(row[0] for row in rows))
    around = generator.noise.neighbourhood(z, _NEAR, 0, _AMOUNT)
    shares = _shares([row[1] for row in rows])
    return [Pick(around[n], shares) for n in _CENTRED]


def _shares(groups):
    """The classes' shares of A - B + C, each at least 0 and all together 1; None where the run is not conditional."""
    if groups[0] is None:
        return None
    means = [0.0 if shares is None else shares.mean(0) for shares in groups]
    wanted = np.maximum(means[0] - means[1] + means[2], 0)
    wanted = wanted if wanted.sum() > 0 else means[0]
    return (wanted / wanted.sum()).astype(np.float32)
