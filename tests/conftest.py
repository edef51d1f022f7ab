"""What the tests share: TensorFlow imported once (through tfgan, as everywhere), and small recipes."""

import gc
import os
import pathlib
import random
import shutil
import signal
import sys
import time

import filelock
import numpy as np
import pytest
from PIL import Image

from tests.models.handmade import random_state
from tests.models.handmade import write_run
from tfgan import datasets
from tfgan import recipes
from tfgan import train
from tfgan.common.command import run_command
from tfgan.graph import efficientnet
from tfgan.graph import projected
from tfgan.tf1 import gpus
from tfgan.tf1 import tf

_BEGAN = time.monotonic()

# Bytes that oneDNN's allocator may take, which never gives any back. Without a limit a process grows to several GB.
MEMORY = 8 * 10**8

# options of a run that is over in a moment and writes everything
TINY = ["--batch-size=8", "--summary-every=5", "--histogram-every=10", "--sample-every=10", "--checkpoint-every=10"]

BROWSER_OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server")

# (model, data set) of every recipe that a tutorial has
RECIPES = [
    ("vanilla", "mnist"),
    ("mlp", "mnist"),
    ("dcgan28", "mnist"),
    ("dcgan28", "celeba"),
    ("dcgan64", "mnist"),
    ("dogs", "dogs"),
]

SLOW_RECIPES = [("dcgan28", "celeba"), ("dcgan64", "mnist"), ("dogs", "dogs")]  # large, or one like another
every_recipe = pytest.mark.parametrize(
    ("model", "dataset"),
    [pytest.param(*pair, marks=pytest.mark.slow) if pair in SLOW_RECIPES else pair for pair in RECIPES],
    ids=["-".join(pair) for pair in RECIPES],
)


def pytest_addoption(parser):
    """--time-limit and --order, for slow machines."""
    parser.addoption("--time-limit", type=float, metavar="SECONDS", help="skip the tests that would begin later than that")
    parser.addoption("--order", metavar="WORD", help="shuffle the files; the word is the seed, so that each word has its order")


def pytest_collection_modifyitems(config, items):
    """The order of the files. Tests of a file stay together, because they share what it prepares."""
    if word := config.getoption("--order"):
        paths = sorted({item.path for item in items})
        random.Random(word).shuffle(paths)
        items.sort(key=lambda item: paths.index(item.path))


def pytest_runtest_setup(item):
    """Skips a test for which no time is left."""
    limit = item.config.getoption("--time-limit")
    if limit is not None and time.monotonic() - _BEGAN > limit:
        pytest.skip("no time was left for it (--time-limit)")


def pytest_configure(config):
    """Makes the process's first session, which settles its memory and its threads."""
    if config.option.markexpr == "not slow":
        os.environ.setdefault("TF_MKL_ALLOC_MAX_BYTES", str(MEMORY))
    gpus()  # looks for devices quietly
    # A process has one pool of threads for operations, of the size that its first session asks for (vanilla's: one thread).
    # Here it is always the machine's number of cores, so that the bits of two runs in one process can be compared.
    tf.Session(graph=tf.Graph()).close()


def pytest_collection_finish():
    """Excludes what the imports have made from garbage collection: looking at it takes a second each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def no_old_graphs():
    """Frees the graphs of each file's tests, of tens of MB each. TensorFlow's table of custom gradients holds them otherwise."""
    from tensorflow.python.framework import ops  # here: tfgan imports TensorFlow first

    yield
    table = ops.gradient_registry._registry
    for name in [name for name in table if name.startswith("CustomGradient-")]:
        del table[name]
    gc.collect()


@pytest.fixture
def graph():
    """A fresh graph, the current one during the test."""
    with tf.Graph().as_default() as graph:
        yield graph


@pytest.fixture(scope="session")
def real_data():
    """The folder named by TFGAN_TEST_DATA, with real data sets; tests that need it are skipped without it."""
    folder = os.environ.get("TFGAN_TEST_DATA")
    if not folder:
        pytest.skip("TFGAN_TEST_DATA names no folder with real data sets")
    return pathlib.Path(folder)


@pytest.fixture
def hangup():
    """SIGHUP does as usual, also in processes that the test starts: where the tests run under `nohup`, they would ignore it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def gone():
    """A pipe to write into, whose reader is gone."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def small(model, dataset, batch_size=4):
    """The tutorial's recipe, networks whole, at a tiny batch."""
    return recipes.recipe(model, dataset).replace(batch_size=batch_size)


def load_data(model, data_dir, dataset=None, **changes):
    """What the tutorial's recipe, so changed, trains on."""
    return datasets.load_for(recipes.recipe(model, dataset).replace(**changes), data_dir)


def random_images(recipe, count, seed=0):
    """uint8 [count, *image_shape]: blots with grain, without the flat areas on which max pooling has ties."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(20, 235, (count, 4, 4, recipe.image_shape[2]))
    factor = recipe.image_shape[0] // 4
    blots = coarse.repeat(factor, axis=1).repeat(factor, axis=2)
    return (blots + rng.uniform(-20, 20, blots.shape)).astype(np.uint8)


def own_pixels(path, height):
    """A picture of that height that was saved enlarged, each pixel a block of equal ones: uint8 [height, w(, 3)], once again."""
    picture = np.asarray(Image.open(path))
    times = picture.shape[0] // height
    own = picture[::times, ::times]
    np.testing.assert_array_equal(own.repeat(times, 0).repeat(times, 1), picture)
    return own


def ancestors(operations):
    """All operations that run when these are fetched, these included."""
    seen, waiting = set(), list(operations)
    while waiting:
        op = waiting.pop()
        if op not in seen:
            seen.add(op)
            waiting += [tensor.op for tensor in op.inputs] + list(op.control_inputs)
    return seen


def network_variables(gan):
    """All variables of both networks, averages included, in the order of the layers; G's first."""
    return [v for rows in (gan.g_layers, gan.d_layers) for row in rows for v in row[2]]


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """command(module) -> a function of its options -> (exit status, stdout, stderr), in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")  # a command sets it for its process; a notebook of a later test must not inherit it

    def of(module):
        def run(*options):
            monkeypatch.setattr(sys, "argv", ["the command", *map(str, options)])
            with pytest.raises(SystemExit) as stop:
                run_command(module.main)
            return stop.value.code, *capsys.readouterr()

        return run

    return of


@pytest.fixture
def run(command):
    """run(*options): runs `python -m tfgan.train` and gives (exit status, stdout, stderr)."""
    return command(train)


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """A folder with three short runs of four iterations: mlp, compact (colour), dcgan28 (dropout, averages). No test changes it.

    The processes of pytest-xdist share it. The first one that asks trains the runs.
    """
    parent = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        parent = parent.parent
    folder, trained = parent / "runs", parent / "runs.trained"
    with filelock.FileLock(parent / "runs.lock"):
        if not trained.exists():
            folder.mkdir()
            train_short_runs(folder, ("mlp", "digits", 8, 2), ("dcgan28", "digits", 4, 4), ("compact", "pictures", 2, 4))
            trained.touch()
    return folder


@pytest.fixture(scope="session")
def fastgan_runs(tmp_path_factory):
    """The same with a run of fastgan, for slow tests: its D is a projected one."""
    if not efficientnet.is_installed(projected.NETWORK):
        pytest.skip("the extra features is not installed")
    folder = tmp_path_factory.mktemp("runs")
    train_short_runs(folder, ("fastgan", "pictures", 2, 4))
    return folder


@pytest.fixture(scope="session")
def fastgan_run(tmp_path_factory):
    """A run of fastgan, of random weights and with a D of its own. Training it would take long."""
    recipe = small("fastgan", "dogs").replace(projected=False)
    return write_run(tmp_path_factory.mktemp("logs") / "photos", recipe, {1: random_state(recipe)}, seed=3)


def train_short_runs(folder, *given):
    """Trains a run for each (model, data set, batch size, interval of checkpoints)."""
    pictures = folder.with_name(f"{folder.name}-of") / "pictures"
    pictures.mkdir(parents=True)
    for n, image in enumerate(random_images(small("compact", "celeba"), 12)):
        Image.fromarray(image).save(pictures / f"{n:02}.png")
    for model, name, batch, every in given:
        dataset = pictures if name == "pictures" else name
        options = [f"--model={model}", f"--dataset={dataset}", f"--batch-size={batch}", f"--checkpoint-every={every}"]
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            patch.setattr(sys, "argv", ["train", *options, "--iterations=4", "--summary-every=2", "--seed=3"])
            assert train.main() == 0


def saved_variables(folder):
    """Every variable of the newest checkpoint."""
    reader = tf.train.load_checkpoint(tf.train.latest_checkpoint(str(folder / "checkpoints")))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def assert_same_variables(a, b):
    assert a.keys() == b.keys()
    assert len(a) > 20
    for name, value in a.items():
        np.testing.assert_array_equal(value, b[name], err_msg=name)


def assert_says(message, *parts):
    """The message is one line, and it has these parts: the values and the remedy. Its other words are free."""
    text = str(message).removesuffix("\n")
    assert "\n" not in text
    for part in parts:
        assert str(part) in text


def unavailable(reason):
    """Skips the test, or fails it where it is required."""
    if os.environ.get("TFGAN_TEST_BROWSER") == "required":
        pytest.fail(f"TFGAN_TEST_BROWSER is `required`, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium, driven by selenium. It needs Debian's `chromium` and `chromium-driver`.

    Where those are absent the tests are skipped, or fail if TFGAN_TEST_BROWSER is `required`.
    """
    try:
        from selenium import webdriver
    except ImportError:
        unavailable("selenium is not installed")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        unavailable("there is no chromium with its chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for option in (*BROWSER_OPTIONS, "--window-size=1400,1000"):
        options.add_argument(option)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))  # named: selenium fetches none
    yield browser
    browser.quit()
