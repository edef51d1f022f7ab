"""The tab of D's eye: what D says of an image, what would make it look more real to D, and whether D can tell real from fake."""

import math
from typing import NamedTuple

import gradio as gr
import numpy as np

from tfgan.common import images
from tfgan.common.numbers import number_text
from tfgan.errors import UserError
from tfgan.explore import picks
from tfgan.explore import pictures

_COUNT = 32  # samples that D looks at; as many real images
_TOGETHER = 16  # images that a D sees together whose logits depend on its batch
_STEPS = 8  # images of the strip
_STEP = 0.03  # of the range of the pixels: how far a step of the strip moves them, root mean square
_CROSS_ENTROPY = ("non-saturating", "minimax")
_DIFFERENCES = ("wasserstein", "relativistic")  # losses by which D learns differences alone
_OWN, _SAMPLE, _REAL = "own", "sample", "real"  # kinds of images
_NAMES = {_REAL: "real image", _SAMPLE: "sample"}


class Group(NamedTuple):
    """Images of one kind, as D sees them."""

    values: np.ndarray  # float32 [N, h, w, c] in the recipe's value range
    labels: np.ndarray | None  # the shares of the classes, float32 [N, classes]; None where the run is not conditional
    logits: np.ndarray  # float32 [N]

    @property
    def order(self):
        """The images' numbers, from the most fake to the most real, as D sees them."""
        return self.logits.argsort(kind="stable")


def add(page):
    """Adds the tab to a `page.Page`, if the run has kept its D."""
    source = page.source
    if not source.grows:  # it came without D
        return
    with gr.Tab("D's eye") as tab:
        gr.Markdown(
            "Click an image to see what D says of it and what would make it look more real to D, and choose earlier checkpoints "
            "above to see how D learnt to tell real from fake."
        )
        chart = gr.HTML(elem_id="chart")
        tiles = {}
        for kind in (_REAL, _SAMPLE):
            gr.Markdown(f"**{_NAMES[kind].capitalize()}s**, from the most fake to the most real in D's eye")
            soon = pictures.note("They are being loaded, or packed first.")
            tiles[kind] = pictures.component("", value=soon, elem_id=f"eye-{kind}")
        with gr.Row():
            own_button = gr.Button("Look at your picture", size="sm", scale=0, min_width=200, elem_id="eye-own")
            label = gr.Dropdown(
                list(source.class_names), value=next(iter(source.class_names), None), label="Class of your picture",
                visible=bool(source.class_names), min_width=160,
            )  # fmt: skip
        view, strip = gr.HTML(elem_id="eye-view"), gr.HTML(elem_id="eye-strip")
        groups, subject = gr.State({}), gr.State((_SAMPLE, 0))

    def look(generator, groups, subject, own, label):
        """What the tab shows of the image that D looks at: at once what D says of it, and then the strip."""
        if subject[0] == _OWN and own is None:
            subject = (_SAMPLE, 0)
        batch, labels = _batch(generator, groups, subject, own, label)
        way = _climb(generator, batch, labels)
        first = next(way)
        name = "your picture"
        if subject[0] != _OWN:  # its place among the tiles, from 1 on
            name = f"{_NAMES[subject[0]]} {groups[subject[0]].order.tolist().index(subject[1]) + 1}"
        yield subject, _chart(generator, groups, first[1]), _view(generator, groups, name, *first), gr.skip()
        yield subject, gr.skip(), gr.skip(), _strip(generator, [first, *way])

    def offer(generator, collection, subject, own, label):
        """Shows D samples and real images, and then the image that it looked at before, or the first sample."""
        try:
            real = source.real
            groups = _groups(generator, real, [*collection, *picks.first_samples(generator, _COUNT, source.seed)][:_COUNT])
        except UserError as error:
            yield {}, *[pictures.note(f"D cannot look: {error}.")] * len(tiles), *[gr.skip()] * len(outputs)
            return
        shown = [_tiles(generator, groups[kind]) if kind in groups else pictures.note(real.note) for kind in tiles]
        for parts in look(generator, groups, subject, own, label):
            yield groups, *shown, *parts
            shown = [gr.skip()] * len(tiles)

    def renew(generator, groups, *rest):
        """Shows D the same of another checkpoint, if the tab was opened before."""
        if groups:
            yield from offer(generator, *rest)
        else:
            yield [gr.skip()] * (1 + len(tiles) + len(outputs))

    def looker(kind):
        def choose(generator, groups, own, label, event: gr.EventData):
            """Has D look at the image that was clicked."""
            yield from look(generator, groups, (kind, int(groups[kind].order[event.number])), own, label)

        return choose

    def look_at_own(generator, groups, own, label):
        """Has D look at the user's own picture."""
        if own is None:
            raise UserError("there is no picture yet; draw or upload one in the tab Your picture")
        if not groups:
            raise UserError("D has not seen the samples yet; wait until they are here")
        yield from look(generator, groups, (_OWN, 0), own, label)

    def look_again(generator, groups, subject, own, label):
        """Has D look at the user's own picture as one of another class, if it looks at that."""
        if groups and subject[0] == _OWN and own is not None:
            yield from look(generator, groups, subject, own, label)
        else:
            yield [gr.skip()] * len(outputs)

    outputs = [subject, chart, view, strip]
    rest = [page.collection, subject, page.picture, label]
    page.on([tab.select], offer, rest, [groups, *tiles.values(), *outputs])
    page.on([page.checkpoint.change], renew, [groups, *rest], [groups, *tiles.values(), *outputs])
    for kind, part in tiles.items():
        page.on([part.click], looker(kind), [groups, page.picture, label], outputs)
    page.on([own_button.click], look_at_own, [groups, page.picture, label], outputs)
    page.on([label.input], look_again, [groups, subject, page.picture, label], outputs)


def _groups(generator, real, samples):
    """{kind: `Group`} of real images, if there are any, and of samples. real: a `generators.Real`. samples: picks."""
    groups = {}
    if len(real.images):
        classes = None if real.labels is None else np.eye(len(generator.class_names), dtype=np.float32)[real.labels]
        values = images.from_uint8(np.float32(real.images), generator.recipe.value_range)
        groups[_REAL] = _group(generator, values, classes)
    z, shares = picks.arrays(samples)
    groups[_SAMPLE] = _group(generator, generator.values(z, shares), shares)
    return groups


def _group(generator, values, labels):
    """The `Group` of images. D sees them as in training: real ones among real ones, samples among samples."""
    halves = [slice(begin, begin + _TOGETHER) for begin in range(0, len(values), _TOGETHER)]
    logits = [generator.judge(values[half], None if labels is None else labels[half]) for half in halves]
    return Group(values, labels, np.concatenate(logits))


def _batch(generator, groups, subject, own, label):
    """The images that D judges together, [N, h, w, c], and their labels or None. The first one is that at which D looks.

    There are others only where D's logit depends on them.
    """
    kind, number = subject
    values, labels, _ = groups[_SAMPLE if kind == _OWN else kind]
    others = []
    if generator.d_sees_batch:
        begin = number // _TOGETHER * _TOGETHER
        others = [n for n in range(begin, min(begin + _TOGETHER, len(values))) if n != number]
    rows = [number, *others]
    batch, labels = values[rows], None if labels is None else labels[rows]
    if kind == _OWN:  # in the place of a sample
        batch[0] = images.from_uint8(np.float32(own), generator.recipe.value_range)
        if labels is not None:
            labels[0] = np.eye(labels.shape[1])[generator.class_names.index(label)]
    return batch, labels


def _climb(generator, batch, labels):
    """Follows D's gradient with the first image of a batch: (image [h, w, c], its logit, the gradient there) at each step."""
    low, high = generator.recipe.value_range
    for _ in range(_STEPS):
        logits, gradient = generator.gradient(batch, labels)
        yield batch[0].copy(), float(logits[0]), gradient
        steepness = max(np.sqrt(np.mean(gradient**2)), 1e-12)
        batch[0] = np.clip(batch[0] + _STEP * (high - low) / steepness * gradient, low, high)


def _border(recipe):
    """The logit that the best D has for an image that is as likely real as fake; None where D learns differences alone."""
    if recipe.loss in _DIFFERENCES:
        return None
    if recipe.loss == "hinge":
        return 0.0
    label = 1 - recipe.smooth  # of real images
    return label / 2 if recipe.loss == "least-squares" else math.log(label / (2 - label))


def _about(generator, logit, groups):
    """What a logit means, in words."""
    recipe = generator.recipe
    border = _border(recipe)
    if border is None:
        verdict = f"With the loss {recipe.loss} only differences between outputs have a meaning."
    else:
        verdict = f"D takes it for {'real' if logit > border else 'fake'}."
        if recipe.loss in _CROSS_ENTROPY:
            probability = (0.5 + 0.5 * np.tanh(logit / 2)) / (1 - recipe.smooth)  # smoothing lowers what D learns to say
            verdict = f"{verdict[:-1]}, with a probability of {min(1, probability):.1%} that it is real."
    ranks = [f"{(group.logits < logit).sum()} of {len(group.logits)} {_NAMES[kind]}s" for kind, group in groups.items()]
    return f"output {number_text(logit, 3)}. {verdict} It looks more real to D than {' and '.join(ranks)}."


def _view(generator, groups, name, image, logit, gradient):
    """The image with its name and what D says of it, and the map of the gradient."""
    low, high = generator.recipe.value_range
    slope = gradient.sum(2)  # of all colours together
    largest = np.abs(slope).max()
    share = slope / max(largest, 1e-12)
    colours = np.stack([1 - np.maximum(-share, 0), 1 - np.abs(share), 1 - np.maximum(share, 0)], 2)
    words = (
        "What would make it look more real to D: red pixels brighter, blue ones darker. At full colour one of 255 levels changes "
        f"the output by {largest * (high - low) / 255:.2g}."
    )
    map_of_pixels = pictures.figure(images.to_uint8(colours, (0.0, 1.0)), words)
    about = f"{name.capitalize()}: {_about(generator, logit, groups)}"
    figure = pictures.figure(images.to_uint8(image, (low, high)), about)
    return f'<div class="tfgan-figures">{figure}<div class="tfgan-map">{map_of_pixels}</div></div>'


def _strip(generator, steps):
    """The images on the way that the gradient leads, each with its logit below."""
    parts = []
    for number, (image, logit, _) in enumerate(steps):
        picture = pictures.image(images.to_uint8(image, generator.recipe.value_range), f"step {number}")
        parts.append(f"<div>{picture}<span>{number_text(logit, 3)}</span></div>")
    words = f"Steps along D's gradient, each of {_STEP:.0%} of the pixels' range (root mean square), with D's outputs."
    return f'<div class="tfgan-tiles">{"".join(parts)}</div>{pictures.note(words)}'


def _tiles(generator, group):
    """The images of a group, sorted, each with its logit."""
    shown = images.to_uint8(group.values[group.order], generator.recipe.value_range)
    return pictures.tiles(shown, [number_text(float(logit), 3) for logit in group.logits[group.order]], size="tiny")


def _chart(generator, groups, logit):
    """All logits as dots on one axis, a line for each kind, with a line across them at that of the image that D looks at."""
    everything = np.concatenate([[logit], *(group.logits for group in groups.values())])
    low, high = everything.min(), everything.max()
    border = _border(generator.recipe)

    def place(value):
        return f"left: {100 * (value - low) / max(high - low, 1e-12):.2f}%"

    rows = []
    for kind, group in groups.items():
        dots = "".join(f'<i style="{place(each)}"></i>' for each in group.logits)
        here = f'<u style="{place(logit)}"></u>'
        rows.append(f'<div class="tfgan-dots tfgan-{kind}"><b>{_NAMES[kind]}s</b><div>{here}{dots}</div></div>')
    marks = [low, high] if border is None or not low < border < high else [low, high, border]
    scale = [f'<span style="{place(each)}">{number_text(float(each), 3)}</span>' for each in marks]
    words = "D's outputs: the farther to the right, the more real. The line is the image that D looks at."
    if _REAL in groups:
        real, fake = groups[_REAL].logits, groups[_SAMPLE].logits
        pairs = (real[:, None] > fake).mean()
        words += f" Of a real image and a sample, D gives the real one more in {pairs:.0%} of all pairs; 50% is guessing."
    if generator.d_sees_batch:
        words += f" This D normalises over the images that it sees together: here {_TOGETHER} of one kind, in training a batch."
    return f'{"".join(rows)}<div class="tfgan-dots"><b></b><div>{"".join(scale)}</div></div>{pictures.note(words)}'
