"""The tab of D's eye with a D whose logits and gradients NumPy can tell: its functions, called without a browser."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from tests.explore.test_tabs import Known
from tests.explore.test_tabs import clicked
from tests.explore.test_tabs import pick
from tests.explore.test_tabs import shown
from tfgan.common.numbers import number_text
from tfgan.errors import UserError
from tfgan.explore import picks
from tfgan.graph import losses

pytestmark = pytest.mark.slow  # Gradio's import
NAMES, SHAPE = Known.class_names, (2, 3, 1)
WEIGHTS = np.array([[3.0, -1.0, 0.5], [0.0, 2.0, -4.0]])[..., None]  # of the pixels, which go from -1 to 1
REAL = np.random.default_rng(3).integers(90, 255, (20, *SHAPE), np.uint8)


class Judging(Known):
    """Its D adds up the pixels with WEIGHTS, and 10 times the number of the class; with `together`, less the batch's mean."""

    def __init__(self, loss="non-saturating", together=False, smooth=0.0):
        super().__init__()
        self.recipe.loss, self.recipe.smooth, self.recipe.value_range = loss, smooth, (-1.0, 1.0)
        self.d_sees_batch = together

    def values(self, z, shares):
        return (self.images(z, shares) / 127.5 - 1).astype(np.float32)

    def judge(self, values, labels):
        logits = (values * WEIGHTS).sum((1, 2, 3)) + 10 * labels @ np.arange(3)
        return logits - self.d_sees_batch * logits.mean()

    def gradient(self, values, labels):
        return self.judge(values, labels), WEIGHTS * (1 - self.d_sees_batch / len(values))


def judged(pictures, labels):
    """The logits of uint8 images of these classes."""
    return ((pictures / 127.5 - 1) * WEIGHTS).sum((1, 2, 3)) + 10 * np.array(labels)


@pytest.fixture
def eye(monkeypatch):
    """eye(note, grows) -> the tab's functions, as the page would call them, with real images or a note."""
    import gradio as gr

    from tfgan.explore import page

    class Recording(page.Page):
        def on(self, events, function, inputs=(), outputs=(), **_):
            functions.setdefault(function.__name__, []).append(function)

    functions = {}

    def of(note="", grows=True):
        functions.clear()
        real = SimpleNamespace(images=REAL[: 0 if note else 20], labels=np.arange(20) % 3, note=note)
        source = SimpleNamespace(name="run", seed=5, class_names=NAMES, recipe=Known().recipe, grows=grows, real=real)
        from tfgan.explore.tabs import eye as module

        with gr.Blocks():
            module.add(Recording(source, gr.Dropdown(), gr.State([]), gr.State(None), None))
        look = {"choose_real": 0, "choose_sample": 1}
        functions.update({name: [functions["choose"][n]] for name, n in look.items() if "choose" in functions})
        return SimpleNamespace(**{name: found[0] for name, found in functions.items()})

    return of


def whole(steps):
    """What the outputs are in the end, of a function that fills them step by step."""
    import gradio as gr

    skipped = gr.skip()
    return [next(each for each in reversed(parts) if each != skipped) for parts in zip(*steps, strict=True)]


def numbers(text):
    return [float(each) for each in re.findall("<span>(.*?)</span>", text)]


def test_real_images_and_samples_are_sorted_by_ds_outputs(eye):
    """Those taken along are among the samples, before the first ones of the seed."""
    tab, generator, taken = eye(), Judging(), [pick(1, 2), pick(2, 0)]
    groups, real, samples, looked, chart, *_ = whole(tab.offer(generator, taken, ("sample", 0), None, "cat"))
    candidates = [*taken, *picks.first_samples(generator, 30, 5)]
    expected = picks.images(generator, candidates)
    of_samples = judged(expected, [each.shares.argmax() for each in candidates])
    of_real = judged(REAL, np.arange(20) % 3)
    for text, pictures, logits in ((samples, expected, of_samples), (real, REAL, of_real)):
        order = logits.argsort()
        np.testing.assert_array_equal(shown(text), pictures[order][..., 0])
        np.testing.assert_allclose(numbers(text), logits[order], rtol=0.005)
    assert looked == ("sample", 0)
    dots = [np.array(re.findall(r'<i style="left: (.*?)%', row), float) for row in chart.split("tfgan-dots")[1:3]]
    every = np.concatenate([of_real, of_samples])
    places = 100 * (every - every.min()) / np.ptp(every)
    np.testing.assert_allclose(np.concatenate(dots), places, atol=0.02)
    line = re.findall(r'<u style="left: (.*?)%', chart)
    np.testing.assert_allclose(np.array(line, float), places[len(of_real)], atol=0.02)
    pairs = np.mean([[one > other for other in of_samples] for one in of_real])
    assert f" {pairs:.0%} of all pairs" in chart
    assert np.ptp(dots[0]) > 10


# The logit of the best D where an image is as likely real as fake, if the labels of real images are 0.5.
BORDERS = {
    "non-saturating": -np.log(3), "minimax": -np.log(3), "hinge": 0, "least-squares": 0.25, "wasserstein": None,
    "relativistic": None,
}  # fmt: skip


@pytest.mark.parametrize("loss", losses.LOSSES)
def test_what_ds_output_means_depends_on_the_loss(eye, loss):
    tab, generator, border = eye(), Judging(loss, smooth=0.5), BORDERS[loss]
    groups, *_ = whole(tab.offer(generator, [], ("sample", 0), None, "cat"))
    for level in (60, 90, 128, 137, 255):  # 90: between -ln 3 and 0; 137: between 0 and 0.25
        own = np.full(SHAPE, 128, np.uint8)
        own[0, 0] = level
        *_, view, _ = whole(tab.look_at_own(generator, groups, own, "cat"))
        logit = judged(own[None], [0])[0]
        words = re.search("<figcaption>(.*?)</figcaption>", view)[1]
        assert f"Your picture: output {number_text(logit, 3)}." in words
        above = [int((group.logits < logit).sum()) for group in (groups["real"], groups["sample"])]
        assert f"than {above[0]} of 20 real images and {above[1]} of 32 samples." in words
        says = re.search("D takes it for (real|fake)", words)
        if border is None:
            assert says is None
            assert "only differences" in words
        else:
            assert says[1] == ("real" if logit > border else "fake")
        probability = re.search("probability of (.*?)% that it is real", words)
        if loss in ("non-saturating", "minimax"):
            expected = min(1, 1 / (1 + np.exp(-logit)) / 0.5)  # D learns half of what is so
            np.testing.assert_allclose(float(probability[1]), 100 * expected, atol=0.051)
        else:
            assert probability is None


def test_the_map_has_the_gradients_signs_and_the_strip_follows_it(eye):
    """Red where brighter looks more real, blue where darker; the strongest pixel has full colour, which the caption explains."""
    tab, generator = eye(), Judging()
    groups, *_ = whole(tab.offer(generator, [], ("sample", 0), None, "cat"))
    own = np.full(SHAPE, 128, np.uint8)
    looked, *_, view, strip = whole(tab.look_at_own(generator, groups, own, "owl"))
    assert looked == ("own", 0)
    picture, colours = shown(view)
    np.testing.assert_array_equal(picture, own[..., 0])
    strength = np.rint(255 - 255 * np.abs(WEIGHTS[..., 0]) / 4)
    np.testing.assert_allclose(colours[..., 0], np.where(WEIGHTS[..., 0] < 0, strength, 255), atol=1)
    np.testing.assert_allclose(colours[..., 1], strength, atol=1)
    np.testing.assert_allclose(colours[..., 2], np.where(WEIGHTS[..., 0] > 0, strength, 255), atol=1)
    assert f"one of 255 levels changes the output by {4 * 2 / 255:.2g}." in view
    steps = np.stack(shown(strip)).astype(float)
    assert len(steps) == 8
    length = np.sqrt((WEIGHTS**2).mean())
    way = [(own / 127.5 - 1 + n * 0.03 * 2 / length * WEIGHTS).clip(-1, 1) for n in range(8)]
    np.testing.assert_allclose(steps, [np.rint((each[..., 0] + 1) * 127.5) for each in way], atol=1)
    np.testing.assert_allclose(numbers(strip), [(each * WEIGHTS).sum() + 20 for each in way], rtol=0.005)
    assert np.diff(numbers(strip)).min() > 0


def test_an_image_is_clicked_and_seen_again_with_another_checkpoint(eye):
    tab, generator = eye(), Judging()
    groups, *_ = whole(tab.offer(generator, [], ("sample", 0), None, "cat"))
    looked, _, view, _ = whole(tab.choose_real(generator, groups, None, "cat", clicked(4)))
    number = judged(REAL, np.arange(20) % 3).argsort()[4]
    assert looked == ("real", number)
    np.testing.assert_array_equal(shown(view)[0], REAL[number][..., 0])
    looked, *_ = whole(tab.choose_sample(generator, groups, None, "cat", clicked(0)))
    assert looked == ("sample", groups["sample"].logits.argmin())
    renewed = whole(tab.renew(Judging(loss="hinge"), groups, [], ("real", number), None, "cat"))
    assert renewed[3] == ("real", number)
    np.testing.assert_array_equal(shown(renewed[5])[0], REAL[number][..., 0])
    own = np.full(SHAPE, 200, np.uint8)
    kept = whole(tab.offer(generator, [], ("own", 0), own, "cat"))
    assert kept[3] == ("own", 0)
    np.testing.assert_array_equal(shown(kept[5])[0], own[..., 0])
    assert whole(tab.offer(generator, [], ("own", 0), None, "cat"))[3] == ("sample", 0), "the picture was removed"


def test_a_d_that_normalises_by_the_batch_sees_images_of_one_kind_together(eye):
    """The image that is looked at has the output that it has among the tiles."""
    tab, generator = eye(), Judging(together=True)
    groups, *_ = whole(tab.offer(generator, [], ("sample", 0), None, "cat"))
    logits = judged(REAL, np.arange(20) % 3)
    expected = np.concatenate([logits[:16] - logits[:16].mean(), logits[16:] - logits[16:].mean()])
    np.testing.assert_allclose(groups["real"].logits, expected, atol=1e-4)
    for place in (0, 7, 19):
        _, chart, view, _ = whole(tab.choose_real(generator, groups, None, "cat", clicked(place)))
        assert f"Real image {place + 1}: output {number_text(np.sort(expected)[place], 3)}." in view
    assert "here 16 of one kind" in chart
    own = np.full(SHAPE, 200, np.uint8)
    *_, view, _ = whole(tab.look_at_own(generator, groups, own, "dog"))
    samples = picks.first_samples(generator, 16, 5)
    among = judged(picks.images(generator, samples), [each.shares.argmax() for each in samples])
    among[0] = judged(own[None], [1])[0]
    assert f"output {number_text(among[0] - among.mean(), 3)}." in view


def test_without_real_images_the_tab_says_why(eye):
    tab, generator = eye("There are no real images here: they are gone."), Judging()
    _, real, samples, _, chart, view, strip = whole(tab.offer(generator, [], ("sample", 0), None, "cat"))
    assert "There are no real images here: they are gone." in real
    assert "of all pairs" not in chart
    assert (len(shown(samples)), len(shown(view)), len(shown(strip))) == (32, 2, 8)
    assert re.search(r"than \d+ of 32 samples\.", view)


def test_a_d_that_cannot_look_says_why(eye, monkeypatch):
    def refuse(*_):
        raise UserError("the package is not installed; install it")

    generator = Judging()
    monkeypatch.setattr(generator, "judge", refuse)
    (outputs,) = eye().offer(generator, [], ("sample", 0), None, "cat")
    groups, real, samples, *_ = outputs
    assert groups == {}
    assert "D cannot look: the package is not installed; install it." in real
    assert samples == real


def test_what_needs_no_answer_has_none(eye):
    import gradio as gr

    tab, generator = eye(), Judging()
    with pytest.raises(UserError, match="there is no picture yet; draw or upload one in the tab Your picture"):
        list(tab.look_at_own(generator, {}, None, "cat"))
    with pytest.raises(UserError, match="D has not seen the samples yet"):
        list(tab.look_at_own(generator, {}, np.full(SHAPE, 200, np.uint8), "cat"))
    for looked, own in ((("sample", 0), np.full(SHAPE, 200, np.uint8)), (("own", 0), None)):
        (outputs,) = tab.look_again(generator, {"sample": None}, looked, own, "owl")
        assert outputs == [gr.skip()] * 4, "the class is that of one's own picture, at which D does not look"
    (outputs,) = tab.renew(generator, {}, [], ("sample", 0), None, "cat")
    assert outputs == [gr.skip()] * 7, "the tab was never opened"
    assert vars(eye(grows=False)) == {}, "a generator without D has no such tab"
