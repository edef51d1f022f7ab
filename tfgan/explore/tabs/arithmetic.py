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
            "Choose a group and click images into it: the result is the image of A - B + C, made of the groups' mean noise. "
            "Groups of three or more images work better than single ones: a mean keeps what they have in common."
        )
        with gr.Row():
            group = gr.Radio(list(_GROUPS), value=_GROUPS[0], label="A click puts an image into", min_width=220)
            seed = gr.Number(picks.first_seed(source) + 1, label="Seed of the images", precision=0, min_width=120)
        candidates, groups, near = gr.State([]), gr.State([[], [], []]), gr.State([])
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

    def show(generator, candidates, groups):
        """What the tab shows: the candidates, the groups, and the result."""
        marks = {}
        for text, members in zip(("A", "-B", "+C"), groups, strict=True):
            for member in members:
                marks.setdefault(picks.find(member, candidates), text)
        marks.pop(None, None)
        names = [picks.name(pick, generator.class_names) for pick in candidates]
        tiles = pictures.tiles(picks.images(generator, candidates), names, marks=marks)
        near = _result(generator, groups)
        square = pictures.note("Put an image into A.")
        if near:
            names = [picks.name(pick, generator.class_names) for pick in near]
            square = pictures.tiles(picks.images(generator, near), names, [_NEAR // 2], size="three")
        return near, tiles, *(_members(generator, members) for members in groups), square

    def offer(generator, collection, seed, groups):
        """Offers the images taken along and samples of the seed."""
        candidates = [*collection, *picks.first_samples(generator, _SAMPLES, picks.whole_seed(seed))]
        if not any(groups):  # to begin with, three images of one class
            first, *_ = names = [picks.name(pick, page.source.class_names) for pick in candidates]
            of_first = [pick for pick, name in zip(candidates, names, strict=True) if name == first]
            groups = [[pick] for pick in of_first[:3]]
        return candidates, groups, *show(generator, candidates, groups)

    def put(generator, candidates, groups, group, event: gr.EventData):
        """Puts the image that was clicked into the group, or takes it out."""
        at = _GROUPS.index(group)
        groups = [picks.toggle(candidates[event.number], m, _MOST) if n == at else m for n, m in enumerate(groups)]
        return groups, *show(generator, candidates, groups)

    def taker(at):
        def take_out(generator, candidates, groups, event: gr.EventData):
            """Takes an image out of the group `at`."""
            left = [m[: event.number] + m[event.number + 1 :] if n == at else m for n, m in enumerate(groups)]
            return left, *show(generator, candidates, left)

        return take_out

    def take_along(generator, near, collection, event: gr.EventData):
        """Takes the result, or an image near it, along to the other tabs."""
        gr.Info("The image is among those taken along.", duration=3)
        return picks.take(near[event.number], collection)

    outputs = [near, choices, *shown_groups, result]
    page.when_shown(tab, offer, [page.collection, seed, groups], [candidates, groups, *outputs])
    page.on([seed.input], offer, [page.collection, seed, groups], [candidates, groups, *outputs])
    page.on([choices.click], put, [candidates, groups, group], [groups, *outputs])
    for n, part in enumerate(shown_groups):
        page.on([part.click], taker(n), [candidates, groups], [groups, *outputs])
    page.on([result.click], take_along, [near, page.collection], [page.collection])


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
    means = [0.0 if rows is None else rows.mean(0) for rows in groups]
    shares = np.maximum(means[0] - means[1] + means[2], 0)
    shares = shares if shares.sum() > 0 else means[0]
    return (shares / shares.sum()).astype(np.float32)
