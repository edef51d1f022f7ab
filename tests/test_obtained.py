"""What came out of full-length runs: kept as the run wrote it, shown beside what the source reported, read otherwise as named."""

import json
import math
import re
import xml.etree.ElementTree

import loss_curves
import numpy as np
import obtained
import pytest
import tutorial_pages

import tfgan
from benchmarks import obtained as making
from tfgan import recipes
from tfgan.graph import layers
from tfgan.runs import read
from tfgan.tf1 import tf

HEAD = {"command": "python -m tfgan.train", "reading": None, "seed": 0, "iterations": 100, "machine": "2 cores", "seconds": 90,
        "features": "classifier", "frechet_distance": 118.5, "precision": 0.5, "recall": 0.25}  # fmt: skip


GRID = re.compile(r"!\[Samples: (.*?)\]\(obtained/(.*?)\)")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Three runs, one of them of another reading."""
    monkeypatch.setattr(obtained, "FOLDER", tmp_path)

    def keep(name, d_losses, **head):
        lines = [{**HEAD, **head}, *([at, loss, 10 * loss] for at, loss in zip((0, 50, 90, 100), d_losses, strict=True))]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    keep("vanilla-0", (2, 1, 3, 5))
    keep("vanilla-1", (4, 8, 7, 7), seed=1, frechet_distance=120.5)
    keep("vanilla-0-xavier-init", (2, 3, 4, 4), reading="xavier_init", frechet_distance=70, seconds=600)
    return [obtained.runs("vanilla"), obtained.runs("vanilla", "xavier_init")]


def test_runs_by_reading_and_seed(kept):
    assert [[run.name for run in made] for made in kept] == [["vanilla-0", "vanilla-1"], ["vanilla-0-xavier-init"]]
    assert kept[0][1].at(50) == [8, 80]
    assert kept[0][0].at(60) is None
    assert kept[0][0].late() == (4, 40)  # the median of those of 90 and 100
    assert obtained.runs("mlp") == []


def test_a_page_has_what_was_reported_beside_what_came_out(kept):
    one = tutorial_pages.tutorial("vanilla")
    one.text["printed"] |= {"iteration": [0, 50], "d_loss": [2.182, 0.5], "g_loss": [1.512, 9.5]}
    page = "\n\n".join(obtained.section(one, "THE TEST"))
    assert "| 0 | 2.182 | 2, 4 | 1.512 | 20, 40 |\n| 50 | 0.5 | 1, 8 | 9.5 | 10, 80 |" in page
    link = "[vanilla-1.jsonl](obtained/vanilla-1.jsonl)"
    assert f"| 1 | `python -m tfgan.train` | 2 cores | 90 s | 120.5 (classifier) | {link} |" in page
    assert page.count("THE TEST") == 1
    assert one.text["reported"]["pictures"] in page
    assert GRID.findall(page) == [(f"seed {seed}, after 100 iterations", f"vanilla-{seed}.png") for seed in (0, 1)]
    assert "| seed 0, after 100 iterations | seed 1, after 100 iterations |\n| --- | --- |\n| ![" in page


def test_another_reading_beside_the_one_that_is_followed(kept):
    one = tutorial_pages.tutorial("vanilla")
    _, table, grids = obtained.comparison(one, "xavier_init")
    shares = "0.5 (0.5 to 0.5) | 0.25 (0.25 to 0.25)"
    assert table.splitlines()[2:] == [
        f"| the one that tfgan follows | 2 | 120 (118 to 120) | {shares} | 5.5 (4 to 7) | 55 (40 to 70) |",
        "| the other | 1 | 70 | 0.5 | 0.25 | 4 | 40 |",
    ]
    captions = ["the one that tfgan follows, seed 0", "the other, seed 0"]
    assert GRID.findall(grids) == list(zip(captions, ["vanilla-0.png", "vanilla-0-xavier-init.png"], strict=True))
    assert obtained.comparison(one, "epochs joined") == []


def test_a_shorter_run_is_compared_and_not_shown(kept, tmp_path):
    """With a reading of the same length; the page and its curves have the longest runs alone."""
    for name, reading in (("vanilla-2-50", None), ("vanilla-2-xavier-init-50", "xavier_init")):
        head = {**HEAD, "reading": reading, "seed": 2, "iterations": 50, "frechet_distance": 300 if reading else 200}
        (tmp_path / f"{name}.jsonl").write_text(f"{json.dumps(head)}\n[0, 1, 2]\n[50, 3, 4]\n")
    one = tutorial_pages.tutorial("vanilla")
    assert "took 100 iterations" in obtained.comparison(one, "xavier_init")[0]
    (tmp_path / "vanilla-0-xavier-init.jsonl").unlink()
    about, table, _ = obtained.comparison(one, "xavier_init")
    assert "took 50 iterations" in about
    assert [row.split(" | ")[1:3] for row in table.splitlines()[2:]] == [["1", "200"], ["1", "300"]]
    (tmp_path / "vanilla-2-50.jsonl").rename(tmp_path / "vanilla-2-50.aside")
    assert obtained.comparison(one, "xavier_init") == [], "no followed run has that length"
    one.text["printed"] |= {"iteration": [0], "d_loss": [2.182], "g_loss": [1.512]}
    assert "vanilla-2" not in "".join(obtained.section(one, "THE TEST"))


def scale(texts, coordinate, function):
    """From a number to its place in a drawing, by the numbers at its ticks."""
    numbers = [function(float(text.text.replace(",", ""))) for text in texts]
    line = np.polyfit(numbers, [float(text.get(coordinate)) for text in texts], 1)
    return lambda number: np.polyval(line, function(number))


@pytest.mark.parametrize("printed", [None, {"iteration": [0, 50], "d_loss": [2.182, 0.5], "g_loss": [1.512, 160]}])
def test_curves_have_the_runs_and_the_dots_of_the_source(kept, printed):
    """Where the ticks say that they are: evenly along the iterations, logarithmically along the losses."""
    root = xml.etree.ElementTree.fromstring(loss_curves.draw(kept[0], printed))
    ticks = root.findall(f"{SVG}text[@text-anchor='middle']")
    assert [tick.text for tick in ticks] == ["0", "20", "40", "60", "80", "100"]
    x_of, y_of = scale(ticks, "x", float), scale(root.findall(f"{SVG}text[@text-anchor='end']"), "y", math.log)
    lines = [[point.split(",") for point in line.get("points").split()] for line in root.iter(f"{SVG}polyline")]
    losses = [[[x_of(at), y_of(pair[n])] for at, *pair in run.losses] for n in (0, 1) for run in kept[0]]
    np.testing.assert_allclose(np.array(lines, float), losses, atol=0.2)
    dots = [[float(dot.get("cx")), float(dot.get("cy"))] for dot in root.iter(f"{SVG}circle")]
    points = [[0, 2.182], [50, 0.5], [0, 1.512], [50, 160]] if printed else []
    assert len(dots) == len(points)
    assert not dots or np.allclose(dots, [[x_of(at), y_of(loss)] for at, loss in points], atol=0.2)
    shapes = [*root.iter(f"{SVG}polyline"), *root.iter(f"{SVG}circle")]
    colours = {text.text: text.get("style").split()[1].rstrip(";") for text in root.iter(f"{SVG}text") if text.get("style")}
    assert colours.keys() == {"D", "G"}
    assert [shape.get("stroke", shape.get("fill")) for shape in shapes] == [
        colours[network] for network in ("DDGG" + ("DDGG" if printed else ""))
    ]


@pytest.mark.parametrize("name", recipes.TUTORIALS)
def test_the_runs_of_a_tutorial(name):
    """At its full length with three seeds, or as its page says; the printed iterations are among those kept."""
    one, made = tutorial_pages.tutorial(name), obtained.longest(obtained.runs(name))
    printed = one.text.get("printed", {"iteration": []})["iteration"]
    for run in made:
        assert all(run.at(iteration) for iteration in printed)
        assert all(np.isfinite(line).all() and min(line[1:]) > 0 for line in run.losses)
        assert (obtained.FOLDER / f"{run.name}.png").exists()
        assert run.head["command"].startswith("python -m tfgan.train --dataset ")
        assert f"--model {name} --seed {run.head['seed']}" in run.head["command"]
    full = [run for run in made if "--iterations" not in run.head["command"]]
    assert len(full) == len(made) == 3 or {run.head["iterations"] for run in made} == {
        int(number.replace(",", "")) for number in re.findall(r"([\d,]+) iterations", one.text["obtained"]["length"])[:1]
    }


def test_what_is_kept_of_a_run(tmp_path):
    logs = tmp_path / "r"
    (logs / "quality" / "classifier-1").mkdir(parents=True)
    environment = {"threads": 2, "processor": "A chip", "tensorflow": "2.21.0"}
    recipe = tfgan.recipe("vanilla").replace(iterations=100)
    config = {"recipe": recipe.to_dict(), "seed": 3, "images": 55_000, "environment": environment}
    run = read.SavedRun("r", logs, config, recipe)
    lines = [{"iteration": at, "d_loss": 0.123456, "g_loss": 2.0, "images_per_second": 640.0} for at in (0, 50, 100)]
    (logs / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for iteration, distance in ((50, 9.0), (100, 7.12345)):
        result = {"iteration": iteration, "figures": {"frechet_distance": distance, "precision": 0.5, "recall": 0.25},
                  "protocol": {"features": "classifier"}}  # fmt: skip
        (logs / "quality" / "classifier-1" / f"{iteration:06d}.json").write_text(json.dumps(result))
    head, *losses = making.record(run, "the command", None)
    assert losses == [[0, 0.1235, 2.0], [50, 0.1235, 2.0], [100, 0.1235, 2.0]]
    assert head == {**HEAD, "command": "the command", "seed": 3, "machine": "2 cores of A chip, TensorFlow 2.21.0",
                    "seconds": 20, "frechet_distance": 7.123}  # fmt: skip
    assert making.file_name("dcgan64", 0, "D's fifth layer") == "dcgan64-0-d-s-fifth-layer"
    assert making.file_name("dcgan64", 3, "sigma", 100) == "dcgan64-3-sigma-100"
    assert making.file_name("dogs", 1, iterations=560) == "dogs-1-560"


def test_the_readings_are_those_of_the_register():
    known = {(one.name, entry["oddity"]) for one, entry in tutorial_pages.contradictions(tutorial_pages.tutorials())}
    assert making.READINGS.keys() <= known
    without = {("dcgan28", "lr placeholder ignored"), ("dcgan64", "pictures every 50")}  # these change nothing that is learned
    assert known - making.READINGS.keys() == without


def test_a_reading_changes_the_model_and_not_what_judges_it():
    """The classifier is built of the same layers, in the same process."""
    before = {**vars(layers)}, tf.nn.relu
    for reading in making.READINGS.values():
        with reading():
            assert ({**vars(layers)}, tf.nn.relu) == before


def first_weights(model):
    """The standard deviations of the kernels' first values, G's and then D's."""
    with tf.Graph().as_default():
        gan = tfgan.build(tfgan.recipe(model), seed=0)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            return [float(np.std(session.run(v))) for v in gan.g_vars + gan.d_vars if v.op.name.endswith("kernel")]


def test_vanillas_other_reading_is_glorots():
    followed = first_weights("vanilla")
    with making.READINGS["vanilla", "xavier_init"]():
        other = first_weights("vanilla")
    # the variance 2 / (in + out) in place of 2 / in, of the same draws
    np.testing.assert_allclose(np.divide(other, followed) ** 2, [100 / 228, 128 / 912, 784 / 912, 128 / 129], rtol=1e-5)


def test_mlps_other_reading_is_normal_noise():
    assert tfgan.recipe("mlp").z_distribution == "uniform"
    with making.READINGS["mlp", "uniform noise"]():
        assert tfgan.recipe("mlp").z_distribution == "normal"
    assert tfgan.recipe("mlp").z_distribution == "uniform"


def built(model):
    """The model's `Gan`, and how many ReLUs its graph has."""
    with tf.Graph().as_default() as graph:
        return tfgan.build(tfgan.recipe(model), seed=0), sum(op.type == "Relu" for op in graph.get_operations())


@pytest.mark.slow
def test_dcgan28s_other_readings():
    """A dropout more before D's last layer; G's ReLUs leaky."""
    gan, relus = built("dcgan28")
    assert [name for name, *_ in gan.d_layers][-3:] == ["conv2d_2", "batch_normalization_1", "dense"]
    assert relus > 0
    with making.READINGS["dcgan28", "third dropout unused"]():
        assert [name for name, *_ in built("dcgan28")[0].d_layers][-2:] == ["dropout_2", "dense"]
    with making.READINGS["dcgan28", "leak relu"]():
        assert built("dcgan28")[1] == 0


@pytest.mark.slow
def test_dcgan64s_other_readings():
    """First weights ten times as wide; four logits an image."""
    followed = first_weights("dcgan64")
    assert built("dcgan64")[0].d_layers[-1][1][1:] == [1, 1, 1]
    with making.READINGS["dcgan64", "sigma"]():
        np.testing.assert_allclose(np.divide(first_weights("dcgan64"), followed), 10, rtol=1e-5)
    with making.READINGS["dcgan64", "D's fifth layer"]():
        assert built("dcgan64")[0].d_layers[-1][1][1:] == [2, 2, 1]
