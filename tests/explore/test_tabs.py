"""What each tab of the page does with a generator whose images NumPy can tell: its functions, called without a browser."""

import base64
import io
import re
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from tfgan.explore import picks
from tfgan.explore.picks import Pick
from tfgan.sampling import latents
from tfgan.sampling.inversion import Projected

pytestmark = pytest.mark.slow  # Gradio's import
NAMES = ("cat", "dog", "owl")
SHAPE = (2, 3, 1)


class Known:
    """Stands for a `Sampler` of normal noise: an image's pixels are its four values of noise, and its class, twice.

    epsilon: of a G that normalises its noise.
    """

    class_names = NAMES

    def __init__(self, distribution="normal", epsilon=None):
        self.recipe = SimpleNamespace(z_dim=4, z_distribution=distribution, image_shape=SHAPE)
        self.noise, self.asked = latents.Noise(distribution, epsilon), []

    def z(self, count, seed):
        return np.random.default_rng(seed).normal(size=(count, 4)).astype(np.float32)

    def labels(self, count, seed):
        return np.arange(count) % 3

    def images(self, z, shares):
        if self.noise.epsilon is not None:
            z = z / np.sqrt((z**2).mean(1, keepdims=True) + self.noise.epsilon)
        values = np.concatenate([100 + 20 * z, (100 * shares @ np.arange(3))[:, None].repeat(2, 1)], 1)
        return np.rint(values.clip(0, 255)).astype(np.uint8).reshape(-1, *SHAPE)

    def directions(self, count):
        return np.eye(4, dtype=np.float32)[:count]

    def project(self, images, labels, show):
        self.asked.append((images, labels))
        show(3, 9, 255 - images)
        z, labels = np.full([1, 4], 0.5, np.float32), np.int32([2]) if labels is None else labels
        return Projected(z, self.images(z, np.eye(3)[labels]), np.float32([0.125]), labels)

    def complete(self, images, mask, labels, show):
        self.asked.append(mask)
        return self.project(images, labels, show)


@pytest.fixture
def tab(monkeypatch):
    """tab(module, distribution) -> {name: function of the tab}, as the page would call it with a generator first."""
    import gradio as gr

    from tfgan.explore import page

    monkeypatch.setattr(gr, "Info", lambda *_, **__: None)

    class Recording(page.Page):
        def on(self, events, function, inputs=(), outputs=(), **_):
            functions.setdefault(function.__name__, []).append(function)

        def at_start(self, function, inputs=(), outputs=()):
            self.on([], function)

    functions = {}

    def of(name, distribution="normal"):
        functions.clear()
        source = SimpleNamespace(name="run", seed=5, class_names=NAMES, recipe=Known(distribution).recipe)
        with gr.Blocks() as blocks:
            (module,) = [each for each in page.TABS if each.__name__.endswith(f".{name}")]
            module.add(Recording(source, gr.Dropdown(), gr.State([]), gr.State(None), None))
        texts = [part.value for part in blocks.blocks.values() if isinstance(part, gr.Markdown)]
        return SimpleNamespace(**{each: found[0] for each, found in functions.items()}, all=dict(functions), texts=texts)

    return of


def pick(seed, label):
    return Pick(np.random.default_rng(seed).normal(size=4).astype(np.float32), np.eye(3, dtype=np.float32)[label])


def clicked(number):
    return SimpleNamespace(number=number)


def shown(text):
    """The pictures in HTML, uint8 [h, w] each."""
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', text)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(content)))) for content in found]


def assert_shows(text, *wanted):
    """It has the images of these picks, and nothing else."""
    expected = picks.images(Known(), wanted)[..., 0]
    np.testing.assert_array_equal(shown(text), expected)


def marks(text):
    """{number of a tile: the mark on it}."""
    return {int(n): mark for n, mark in re.findall(r'data-number="(\d+)" aria-pressed="true"><img[^>]*><b>(.*?)</b>', text)}


def assert_picks(found, z, shares):
    np.testing.assert_allclose([each.z for each in found], z, atol=1e-5)
    np.testing.assert_allclose([each.shares for each in found], shares, atol=1e-6)


@pytest.mark.parametrize(("label", "truncation", "distribution"), [
    ("as in the data", 3.0, "normal"), ("cat", 3.0, "normal"), ("owl", 0.5, "normal"), ("dog", 0.5, "uniform"),
])  # fmt: skip
def test_samples_are_of_the_class_and_the_truncation_that_were_chosen(tab, label, truncation, distribution):
    generator = Known(distribution)
    found, tiles, links, along = tab("samples", distribution).draw(generator, 7, 50, label, truncation, [])
    labels = np.arange(50) % 3 if label == "as in the data" else np.full(50, NAMES.index(label))
    z = np.stack([each.z for each in found])
    assert_picks(found, z, np.eye(3)[labels])
    drawn = generator.z(50, 7)
    if truncation < 3 and distribution == "normal":
        drawn = stats.truncnorm.ppf(stats.norm.cdf(drawn), -truncation, truncation)
    np.testing.assert_allclose(z, drawn, atol=1e-5)
    assert_shows(tiles, *found)
    assert re.findall("<span>(.*?)</span>", tiles) == [NAMES[n] for n in labels]
    archive = np.load(io.BytesIO(base64.b64decode(re.findall(r'href="data:[^,]*,([^"]+)"', links)[1])))
    np.testing.assert_array_equal(archive["z"], z)
    np.testing.assert_array_equal(archive["labels"], labels)
    assert "Nothing yet" in along


def test_new_samples_are_those_of_the_next_seed(tab):
    samples = tab("samples")
    seed, found, tiles, *_ = samples.draw_next(Known(), 7, 20, "cat", 3.0, [])
    assert seed == 8
    assert_picks(found, Known().z(20, 8), [[1, 0, 0]] * 20)
    assert_shows(tiles, *found)


def test_what_is_done_to_noise_reaches_the_images_of_a_generator_that_normalises_it(tab):
    """A truncated sample is taken along: it is hardly moved by a small step, and a way leads from it steadily."""
    generator = Known(epsilon=1e-8)
    drawn, tiles, *_ = tab("samples").draw(generator, 7, 20, "cat", 0.1, [])
    assert np.ptp(shown(tiles), axis=0).max() <= 2 * 20 * 0.1 + 1, "of twenty levels for each standard deviation"
    short, usual = drawn[0], pick(3, 0)
    (taken,) = tab("directions").take_along(generator, short, [], "cat", 0, 0.5, 0, 0, 0)
    before, after = picks.images(generator, [short, taken]).reshape(2, -1).astype(int)
    np.testing.assert_allclose(after - before, [10, 0, 0, 0, 0, 0], atol=1)
    *_, strips, _, _ = tab("between").choose(generator, [short, usual], [short], 5, clicked(1))
    (way,) = shown(strips)
    steps = np.diff(np.stack(np.hsplit(way.astype(int), 5)), axis=0)
    assert np.abs(steps).max() < 0.6 * np.abs(steps.sum(0)).max()
    _, near, *_ = tab("arithmetic").put(generator, [short, usual], [[short], [], []], "A", clicked(1))
    both = picks.images(generator, [short, usual, near[4]]).reshape(3, -1)[:, :4].astype(float) - 100
    mean = both[0] + both[1]
    np.testing.assert_allclose(both[2], 40 * mean / np.linalg.norm(mean), atol=2)


def test_samples_are_taken_along_and_left(tab):
    samples, drawn = tab("samples"), [pick(n, n % 3) for n in range(4)]
    taken, tiles, along = samples.take(Known(), drawn, [drawn[0]], clicked(2))
    assert_shows(along, drawn[0], drawn[2])
    assert re.findall('alt="(.*?)"', along) == ["image 1", "image 2"]
    assert re.findall('data-number="(.)" aria-pressed="true"', tiles) == ["0", "2"]
    taken, tiles, along = samples.leave(Known(), drawn, taken, clicked(0))
    assert_shows(along, drawn[2])
    assert re.findall('data-number="(.)" aria-pressed="true"', tiles) == ["2"]


def test_a_moved_image_is_shown_and_taken_along_as_it_was_moved(tab):
    directions, base = tab("directions"), pick(0, 0)
    amounts = [0.5, 0.0, -2.0, 1.0]
    (taken,) = directions.take_along(Known(), base, [], "owl", 0.25, *amounts)
    assert_picks([taken], [base.z + amounts], [[0.75, 0, 0.25]])
    figure, *strips = directions.move(Known(), base, "owl", 0.25, *amounts)
    assert_shows(figure, taken)
    for number, strip in enumerate(strips):  # of four directions, then of the class
        steps = np.linspace(-3, 3, 9) if number < 4 else np.linspace(0, 1, 9)
        along = [
            Pick(np.where(np.arange(4) == number, base.z + step, taken.z), taken.shares)
            if number < 4 else Pick(taken.z, np.float32([1 - step, 0, step])) for step in steps
        ]  # fmt: skip
        (picture,) = shown(strip)
        np.testing.assert_array_equal(picture, np.hstack(picks.images(Known(), along)[..., 0]))
    for begun in (directions.restore(Known(), base, "owl"), directions.choose(Known(), [taken, base], "owl", clicked(1))[2:]):
        assert begun[:5] == [0, 0.0, 0.0, 0.0, 0.0]
        assert_shows(begun[5], base)


def test_the_way_leads_through_the_images_in_the_order_in_which_they_were_clicked(tab):
    between, offered = tab("between"), [pick(n, n % 3) for n in range(4)]
    stops, tiles, strips, *_ = between.choose(Known(), offered, [offered[3], offered[0]], 3, clicked(2))
    assert marks(tiles) == {3: "1", 0: "2", 2: "3"}
    first, second = (np.hsplit(picture, 3) for picture in shown(strips))
    expected = picks.images(Known(), [offered[3], offered[0], offered[2]])[..., 0]
    for found, wanted in zip((first[0], first[2], second[0], second[2]), expected[[0, 1, 1, 2]], strict=True):
        assert np.abs(found.astype(int) - wanted).max() <= 1
    assert between.choose(Known(), offered, stops, 3, clicked(3))[0] == [offered[0], offered[2]]


def saved(links):
    """{file's name: (words of its link, media type, content)}."""
    found = re.findall(r'<a download="([^"]+)" href="data:([^;]+);base64,([^"]+)">([^<]*)</a>', links)
    return {name: (words, kind, base64.b64decode(content)) for name, kind, content, words in found}


def tiles(picture, rows, columns):
    """The images of an enlarged grid, row by row, [rows * columns, 2, 3]."""
    times = picture.shape[0] // (2 * rows)
    own = picture[::times, ::times]
    np.testing.assert_array_equal(own.repeat(times, 0).repeat(times, 1), picture)
    return own.reshape(rows, 2, columns, 3).swapaxes(1, 2).reshape(-1, 2, 3)


def test_the_film_of_the_way_goes_from_the_first_image_to_the_last_and_back(tab):
    """It shows each image of the strips once on its way there. What is saved is what is shown."""
    between, offered = tab("between"), [pick(n, n % 3) for n in range(4)]
    stops, _, strips, links, moving = between.choose(Known(), offered, [offered[3], offered[0]], 4, clicked(2))
    parts = [np.hsplit(picture, 4) for picture in shown(strips)]
    assert re.findall('alt="(.*?)"', strips) == ["the way, part 1", "the way, part 2"]
    way = [*parts[0], *parts[1][1:]]
    for end, stop in ((way[0], offered[3]), (way[3], offered[0]), (way[-1], offered[2])):
        assert np.abs(end.astype(int) - picks.images(Known(), [stop])[0, ..., 0]).max() <= 1
    files = saved(links)
    assert {name: entry[:2] for name, entry in files.items()} == {
        "run-between.png": ("Save the strips as PNG", "image/png"), "run-between.gif": ("Save the film as GIF", "image/gif"),
    }  # fmt: skip
    picture = np.asarray(Image.open(io.BytesIO(files["run-between.png"][2])))
    np.testing.assert_array_equal(tiles(picture, 2, 4), [*parts[0], *parts[1]])
    content = files["run-between.gif"][2]
    assert re.search(r'src="data:image/gif;base64,([^"]+)"', moving)[1] == base64.b64encode(content).decode()
    frames, times = [], set()
    with Image.open(io.BytesIO(content)) as film:
        for number in range(film.n_frames):
            film.seek(number)
            frames.append(tiles(np.asarray(film.convert("L")), 1, 1)[0].astype(int))
            times.add(film.info["duration"])
    assert len(times) == 1, "no image stands still, as one that is there twice would"
    for frame, expected in zip(frames, [*way, *way[-2:0:-1]], strict=True):
        assert np.abs(frame - expected).max() <= 1
    assert len({way[0].tobytes(), way[1].tobytes(), way[-1].tobytes(), way[-2].tobytes()}) == 4, "else this says nothing"


def test_a_way_begins_with_the_first_images_and_needs_two(tab):
    between, offered = tab("between"), [pick(n, n % 3) for n in range(4)]
    found, stops, tiles_, *_ = between.offer(Known(), offered, [], 3)
    assert (found, stops, marks(tiles_)) == (offered, offered[:3], {0: "1", 1: "2", 2: "3"})
    _, strips, links, moving = between.show(Known(), offered, offered[:1], 3)
    assert ("Choose at least two images." in strips, links, moving) == (True, "", "")
    assert len(shown(between.show(Known(), offered, offered[:2], 3)[1])) == 1


def test_saved_samples_lie_row_by_row_and_what_is_missing_is_white(tab):
    found, _, links, _ = tab("samples").draw(Known(), 7, 5, "as in the data", 3.0, [])
    files = saved(links)
    assert {name: entry[:2] for name, entry in files.items()} == {
        "run-seed7.png": ("Save as PNG", "image/png"), "run-seed7.npz": ("Save as npz", "application/octet-stream"),
    }  # fmt: skip
    made = picks.images(Known(), found)
    picture = tiles(np.asarray(Image.open(io.BytesIO(files["run-seed7.png"][2]))), 2, 3)
    np.testing.assert_array_equal(picture[:5], made[..., 0])
    assert (picture[5:] == 255).all()
    np.testing.assert_array_equal(np.load(io.BytesIO(files["run-seed7.npz"][2]))["images"], made)


def test_the_images_that_the_way_began_with_can_be_taken_out(tab):
    """Also once others were taken along, and what was taken along once it was left."""
    between, taken = tab("between"), [pick(n, 0) for n in range(2)]
    began, stops, *_ = between.offer(Known(), [], [], 3)
    offered, stops, tiles, *_ = between.offer(Known(), taken, stops, 3)
    assert_shows(tiles, *taken, *began[:3])
    assert marks(tiles) == {2: "1", 3: "2", 4: "3"}
    for _ in range(3):
        stops, *_ = between.choose(Known(), offered, stops, 3, clicked(2 + 3 - len(stops)))
    assert stops == []
    stops, tiles, *_ = between.choose(Known(), offered, stops, 3, clicked(1))
    offered, stops, tiles, *_ = between.offer(Known(), taken[:1], stops, 3)
    assert_shows(tiles, *taken)
    assert marks(tiles) == {1: "1"}


def test_each_group_of_the_arithmetic_has_its_own_mark_and_sign(tab):
    """A - B + C of means, of the usual length; of the classes, too."""
    arithmetic, offered = tab("arithmetic"), [pick(n, label) for n, label in enumerate((0, 0, 1, 2, 2))]
    groups = [[offered[0]], [offered[2]], []]
    groups, near, tiles, *members, square = arithmetic.put(Known(), offered, groups, "plus C", clicked(3))
    groups, near, tiles, *members, square = arithmetic.put(Known(), offered, groups, "plus C", clicked(4))
    assert marks(tiles) == {0: "A", 2: "-B", 3: "+C", 4: "+C"}
    for text, wanted in zip(members, ([0], [2], [3, 4]), strict=True):
        assert_shows(text, *(offered[n] for n in wanted))
    z = offered[0].z - offered[2].z + (offered[3].z + offered[4].z) / 2
    assert_picks([near[4]], [2 * z / np.linalg.norm(z)], [[0.5, 0, 0.5]])
    assert_shows(square, *near)
    assert re.findall('data-number="(.)" aria-pressed="true"', square) == ["4"]
    for name, at in (("A", 0), ("minus B", 1)):
        put = arithmetic.put(Known(), offered, [[], [], []], name, clicked(1))[0]
        assert [len(members) for members in put] == [int(n == at) for n in range(3)]
    for at, take_out in enumerate(arithmetic.all["take_out"]):
        left = take_out(Known(), offered, groups, clicked(0))[0]
        assert [len(members) for members in left] == [len(members) - (n == at) for n, members in enumerate(groups)]
    assert arithmetic.take_along(Known(), near, [], clicked(4)) == [near[4]]


def assert_captions(text, *expected):
    assert re.findall("<figcaption>(.*?)</figcaption>", text) == list(expected)


def assert_beside(text, given, found, words):
    """The user's picture, and beside it the found image, each above its own words."""
    np.testing.assert_array_equal(shown(text), [given[..., 0], *picks.images(Known(), [found])[..., 0]])
    assert_captions(text, "your picture", words)


@pytest.mark.parametrize("note", ["", "the checkpoint of iteration 2 is no longer kept; this is that of 4"])
def test_the_page_says_what_it_begins_with(tab, monkeypatch, note):
    """Where that is not what was asked for; the chosen checkpoint is always one of the list."""
    import gradio as gr

    from tfgan.explore import page

    told = []
    monkeypatch.setattr(gr, "Warning", lambda text, **_: told.append(text))
    tab("between")  # gr.Info says nothing
    source = SimpleNamespace(choices=lambda: [("6", 6), ("4 (newest)", 4)], first=lambda: (4, note), newest=lambda: (4, note))
    for chosen in (page._begin(source), page._newest(source)):
        assert (chosen.value, chosen.choices) == (4, [("6", 6), ("4 (newest)", 4)])
    assert told == [note] * 2 * bool(note)


def test_a_picture_is_inverted_searched_for_and_filled(tab):
    picture, generator = tab("picture"), Known()
    given = np.arange(6, dtype=np.uint8).reshape(SHAPE)
    for ticked, expected in ((True, 255 - given), (False, given)):
        own, hole, *_ = picture.invert(generator, given, ticked)
        np.testing.assert_array_equal(own, expected)
        assert hole == []
    assert picture.invert(generator, None, True)[0] is None
    for label, labels in (("try each", None), ("cat", [0]), ("owl", [2])):
        *_, (text, found) = picture.project(generator, given, label)
        images, asked = generator.asked[-1]
        np.testing.assert_array_equal(images, given[None])
        assert (asked if asked is None else asked.tolist()) == labels
        assert_picks([found], [[0.5] * 4], np.eye(3)[labels or [2]])
        assert_beside(text, given, found, f"found, 12.5% of the range from the picture, {NAMES[(labels or [2])[0]]}")
    begun, (text, none), _ = picture.project(generator, given, "cat")
    assert (begun[1], none) == (None, None)
    np.testing.assert_array_equal(shown(text), [given[..., 0], 255 - given[..., 0]])
    assert_captions(text, "your picture", "step 3 of 9")
    assert any("becomes 3 x 2 pixels" in text for text in picture.texts)
    *_, (text, found) = picture.complete(generator, given, [0, 4], "cat")
    assert_captions(text, "your picture", "filled, 12.5% of the range from the picture, cat")
    np.testing.assert_array_equal(generator.asked[-2], [[True, False, False], [False, True, False]])
    np.testing.assert_array_equal(shown(text)[0], [[127, 1, 2], [3, 127, 5]])
    assert picture.take_along(generator, found, []) == [found]
