"""`python -m tfgan.train` as its users run it: end to end on the embedded digits, as written, dry, and with mistakes."""

import json
import os
import re
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import tfgan
from tests.conftest import TINY
from tests.conftest import assert_same_variables
from tests.conftest import own_pixels
from tests.conftest import saved_variables
from tfgan import tf1
from tfgan import train
from tfgan.common import images
from tfgan.datasets.batches import Batches
from tfgan.distribution import team as teams
from tfgan.graph.noise import Stream
from tfgan.tf1 import tf
from tfgan.training import devices
from tfgan.training import hooks
from tfgan.training import instruments
from tfgan.training import options as options_of_train
from tfgan.training import steps


def test_digits_end_to_end(run, tmp_path):
    status, out, err = run(*TINY, "--iterations", 25)
    assert (status, err) == (0, "")
    assert "TensorFlow" in out.splitlines()[0]
    for part in ("Device:", "1,797 images", "Recipe: mlp, batch 8, 25 iterations", "iteration 24/25", "images/s", "Finished 25"):
        assert part in out

    pictures = sorted(p.name for p in (tmp_path / "out").iterdir())
    names = ("000000", "000010", "000020", "000025", "beside-real", "losses", "nearest", "real")
    assert pictures == [*(f"mlp-digits-{name}.png" for name in names), "mlp-digits.gif"]
    assert Image.open(tmp_path / "out" / "mlp-digits-000025.png").size == (560, 560), "4 x 28 pixels, each five times"

    logs = tmp_path / "logs" / "mlp-digits"
    lines = [json.loads(line) for line in (logs / "metrics.jsonl").read_text().splitlines()]
    assert [line["iteration"] for line in lines] == [0, 5, 10, 15, 20, 24]
    for line in lines:
        assert line["d_loss"] == pytest.approx(line["d_loss_real"] + line["d_loss_fake"], rel=1e-6)
        assert 0 < line["d_real"] < 1
        assert line["images_per_second"] > 0
    config = json.loads((logs / "config.json").read_text())
    assert config["recipe"] == tfgan.recipe("mlp", "digits").replace(batch_size=8, iterations=25).to_dict()
    assert config["seed"] == 0

    events = EventAccumulator(str(logs), size_guidance={"tensors": 0, "histograms": 0, "scalars": 0, "images": 0})
    events.Reload()
    tags = events.Tags()
    assert [e.step for e in events.Scalars("loss/d_loss")] == [0, 5, 10, 15, 20, 24]
    assert events.Scalars("loss/g_loss")[-1].value == pytest.approx(lines[-1]["g_loss"])
    assert {"loss/d_loss_real", "discriminator/mean_output_on_fake", "speed/images_per_second"} <= set(tags["scalars"])
    assert len(tags["histograms"]) == 12
    assert [e.step for e in events.Histograms("generator/dense/kernel")] == [0, 10, 20]
    assert [e.step for e in events.Images("samples")] == [0, 10, 20, 25]
    assert tags["graph"]
    assert b"| learning_rate | 0.0003 |" in events.Tensors("recipe")[0].tensor_proto.string_val[0]
    blocks = {node.name.split("/")[0] for node in tf.GraphDef.FromString(events.Graph().SerializeToString()).node}
    passes = {"generator", "discriminator", "discriminator_real", "discriminator_fake"}
    assert passes | {"d_loss", "g_loss", "d_update", "g_update"} <= blocks


@pytest.mark.slow
def test_each_interval_is_kept_whatever_the_others_are(run, tmp_path):
    """What three of them have in common, 4, 3, 5 and 7, the fourth has not."""
    intervals = ("--sample-every", 105, "--summary-every", 280, "--histogram-every", 84, "--checkpoint-every", 60)
    assert run("--model", "vanilla", "--run", "run", "--batch-size", 8, "--iterations", 300, "--keep", 9, *intervals)[0] == 0
    logs = tmp_path / "logs" / "run"
    assert sorted(p.stem[4:] for p in (tmp_path / "out").glob("run-0*")) == ["000000", "000105", "000210", "000300"]
    assert [json.loads(line)["iteration"] for line in (logs / "metrics.jsonl").read_text().splitlines()] == [0, 280, 299]
    events = EventAccumulator(str(logs), size_guidance={"histograms": 0}).Reload()
    assert [e.step for e in events.Histograms("generator/dense/kernel")] == [0, 84, 168, 252]
    assert sorted(int(p.name) for p in (logs / "checkpoints").glob("0*")) == [60, 120, 180, 240, 300]


@pytest.mark.slow
def test_dcgan64_shows_fakes_beside_reals(run, tmp_path):
    intervals = (f"--{name}-every=2" for name in ("sample", "summary", "histogram", "checkpoint"))
    assert run("--model", "dcgan64", "--batch-size", 4, "--iterations", 3, *intervals)[0] == 0
    pairs = sorted(p.name for p in (tmp_path / "out").glob("*-pair.png"))
    assert pairs == ["dcgan64-digits-000002-pair.png", "dcgan64-digits-000003-pair.png"]
    pair = own_pixels(tmp_path / "out" / pairs[0], 128)
    assert pair.shape == (128, 128 + 4 + 128, 3)
    recipe = tfgan.recipe("dcgan64", "digits").replace(batch_size=4, iterations=3)
    batches = Batches(tfgan.datasets.load_for(recipe, tmp_path).images, recipe, 0)
    real = images.to_uint8(images.preprocess_array(batches[1], recipe.image_shape, recipe.value_range), recipe.value_range)
    assert np.abs(pair[:, 132:].astype(int) - images.square_grid(real)).max() <= 1, "the batch just trained on, right"
    assert abs(pair[:, :128].mean() - 127.5) < 5 < 127.5 - pair[:, 132:].mean(), "grey noise left, dark digits right"


@pytest.mark.parametrize("model", ["vanilla", "dcgan28"])
@pytest.mark.slow
def test_as_written_is_the_tutorials_loop(run, tmp_path, model):
    """--as-written against the loop written out here: fed numpy batches and noise, two alternating runs."""
    assert run("--model", model, "--batch-size", 8, "--iterations", 3, "--as-written")[0] == 0
    recipe = tfgan.recipe(model, "digits").replace(batch_size=8, iterations=3)
    batches = Batches(tfgan.datasets.load_for(recipe, tmp_path).images, recipe, 0)
    with tf.Graph().as_default(), tf.Session() as session:
        gan = tfgan.build(recipe)
        session.run(tf.global_variables_initializer())
        for i in range(3):
            real = images.preprocess_array(batches[i], recipe.image_shape, recipe.value_range)
            z = np.random.default_rng([0, i, 1 + Stream.Z_D]).uniform(-1, 1, (8, 100))
            z_g = np.random.default_rng([0, i, 1 + Stream.Z_G]).uniform(-1, 1, (8, 100)) if model == "vanilla" else z
            session.run(gan.d_train_op, {gan.input_real: real, gan.input_z: z})
            session.run(gan.g_train_op, {gan.input_z_g: z_g})
        expected = {v.op.name: session.run(v) for v in tf.global_variables()}
    assert_same_variables(saved_variables(tmp_path / "logs" / f"{model}-digits"), expected)


def test_dry_run_prints_the_sources_tables_and_makes_nothing(run, tmp_path):
    """The totals are those that Keras printed in the source."""
    status, out, _ = run("--model", "dogs", "--dataset", "dogs", "--dry-run")
    assert status == 0
    assert json.loads(out[: out.index("\n\n")]) == tfgan.recipe("dogs").to_dict()
    for part in ("9,664,259 parameters: 9,647,875 trainable, 16,384 not", "25,901,953", "35,566,212", "25,918,337 fixed"):
        assert part in out
    assert not any(tmp_path.iterdir())


BAD = {
    "unknown data set": (["--dataset", "minst"], "minst.*mnist"),
    "unknown model": (["--model", "dcgan"], "dcgan28"),
    "unknown option": (["--epoch-count", "3"], "--help"),
    "no number": (["--batch-size", "many"], "many"),
    "batch size 0": (["--batch-size", "0"], "batch_size is 0"),
    "batch size beyond the data": (["--batch-size", "1798"], "1798.*1797"),
    "z not positive": (["--z-dim", "-1"], "z_dim is -1"),
    "interval 0": (["--sample-every", "0"], "--sample-every is 0"),
    "negative seed": (["--seed", "-1"], "--seed is -1"),
    "a device of no kind": (["--device", "tpu"], "--device: 'tpu' is not auto, cpu, gpu or a GPU's number"),
    "two lengths": (["--epochs", "1", "--iterations", "1"], "exactly one"),
    "a run that is a path": (["--run", "../x"], "--run"),
    "out is a file": (["--out-dir", "file"], "--out-dir: file"),
    "logs below a file": (["--log-dir", "file/logs"], "--log-dir: file/logs"),
    "the run's logs are a file": (["--log-dir", ".", "--run", "file"], "--log-dir: file"),
    "an empty folder": (["--dataset", "empty"], "no pictures"),
    "a truncated file": (["--dataset", "mnist", "--data-dir", "broken"], "damaged.*Move it elsewhere"),
}


@pytest.mark.parametrize("case", BAD)
def test_mistakes_are_one_line_and_leave_nothing(run, tmp_path, case):
    options, message = BAD[case]
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken" / "mnist").mkdir(parents=True)
    (tmp_path / "broken" / "mnist" / "train-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8b half")
    before = sorted(tmp_path.rglob("*"))
    status, out, err = run(*options)
    assert status == 2
    assert err.count("\n") == 1
    assert err.startswith("tfgan: error: ")
    assert re.search(message, err), err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("option", [["--device", "gpu"], ["--device", "7"], ["--xla"], ["--mixed-precision"]])
def test_what_needs_a_gpu_is_refused_without_one(run, tmp_path, option, monkeypatch):
    monkeypatch.setattr(tf1, "gpus", list)
    monkeypatch.setattr(devices, "why_no_bfloat16", lambda: "it is an old one")  # which one of these machines may not be
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # so that what the command sets is undone
    status, _, err = run(*option)
    assert status == 2
    assert err.startswith(f"tfgan: error: {' '.join(option)}: ")
    assert err.count("\n") == 1
    assert "leave it out" in err
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("allotted", "numbers", "visible"),
    [
        (None, [3], "3"),
        (None, [2, 0], "2,0"),
        ("5,6", [0], "5"),
        ("5,6", [1, 0], "6,5"),
        (" 5, 6 ", [1], "6"),
        ("GPU-1a, MIG-GPU-2b/1/0", [1, 0], "MIG-GPU-2b/1/0,GPU-1a"),
        ("5,-1,6", [0], "5"),
        ("", [0, 1], "-1"),
        ("-1", [0], "-1"),
        ("-1,5", [1], "-1"),
        ("NoDevFiles", [0], "-1"),
    ],
)
def test_gpus_are_of_those_that_the_process_may_use(allotted, numbers, visible):
    assert devices.visible_gpus("--devices", numbers, allotted) == visible


@pytest.mark.parametrize(
    ("allotted", "option", "words"),
    [
        ("5", "--devices=0,1", "--devices 0,1: CUDA_VISIBLE_DEVICES is '5', whose GPUs count as 0; "),
        ("5", "--device=1", "--device 1: CUDA_VISIBLE_DEVICES is '5', whose GPUs count as 0; "),
        ("5,6", "--device=2", "--device 2: CUDA_VISIBLE_DEVICES is '5,6', whose GPUs count as 0 to 1; "),
        ("5,-1,6", "--device=1", "--device 1: CUDA_VISIBLE_DEVICES is '5,-1,6', whose GPUs count as 0; "),
        ("-1", "--device=0", "--device 0: TensorFlow finds no such GPU here, where CUDA_VISIBLE_DEVICES is '-1'; "),
    ],
)
def test_gpus_of_others_are_refused(run, monkeypatch, allotted, option, words):
    monkeypatch.setattr(tf1, "gpus", list)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", allotted)
    status, _, err = run(option, "--batch-size=8", "--iterations=1")
    assert (status, err.count("\n"), words in err) == (2, 1, True), err


@pytest.mark.slow
def test_the_cpu_can_be_asked_for(run, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    status, out, _ = run("--batch-size", 8, "--iterations", 1, "--device", "cpu")
    assert status == 0
    assert re.search(r"Device: CPU, \d+ cores. As asked: ", out)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "-1", "before TensorFlow looks for devices"


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.slow
def test_settings_for_gpus_reach_the_session(run, monkeypatch, asked):
    """With one GPU, or so the command is told: that of the process and that which trains; more a CPU cannot show of them."""
    configs, team = [], teams.Team

    begin = tf1.Session.__init__

    def session(self, target="", graph=None, config=None):
        if any(v.op.name.startswith("generator/") for v in graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)):
            configs.append(config)
        begin(self, target, graph, config)

    monkeypatch.setattr(tf1, "gpus", lambda: ["a GPU"])
    monkeypatch.setattr("tfgan.training.session.gpus", tf1.gpus)
    monkeypatch.setattr(tf1.Session, "__init__", session)
    monkeypatch.setattr(teams, "Team", lambda *given: configs.append(given[-1]) or team(*given))
    assert run("--batch-size", 8, "--iterations", 1, *(["--xla", "--mixed-precision"] if asked else []))[0] == 0
    assert len(configs) == 2
    for config in configs:
        options = config.graph_options
        assert config.gpu_options.allow_growth
        assert (options.optimizer_options.global_jit_level == tf.OptimizerOptions.ON_1) == asked
        assert (options.rewrite_options.auto_mixed_precision == options.rewrite_options.ON) == asked


def test_a_penalty_in_float16_is_refused(run, monkeypatch):
    """float16 is what mixed precision is on a GPU, or so the command is told of this machine."""
    monkeypatch.setattr(tf1, "gpus", lambda: ["a GPU"])
    monkeypatch.setattr("tfgan.training.session.gpus", tf1.gpus)
    status, _, err = run(*TINY, "--mixed-precision", "--penalty=r1")
    assert status == 2
    assert "--mixed-precision and --penalty: float16 cannot hold a gradient's gradient; leave one of them out" in err


@pytest.mark.slow
def test_a_run_of_a_version_that_knew_no_remedies_goes_on(run, tmp_path):
    assert run(*TINY, "--iterations=2")[0] == 0
    path = tmp_path / "logs" / "mlp-digits" / "config.json"
    config = json.loads(path.read_text())
    for name in ("loss", "penalty", "augment", "g_average", "d_steps"):
        del config["recipe"][name]
    path.write_text(json.dumps(config))
    status, out, err = run(*TINY, "--iterations=4")
    assert (status, err) == (0, "")
    assert "Continuing mlp-digits from iteration 2 of 4" in out
    status, _, err = run(*TINY, "--iterations=6", "--loss=hinge")
    assert status == 2
    assert "loss was 'non-saturating', now 'hinge'" in err


@pytest.mark.slow
def test_fresh_removes_the_figures_of_the_run_before(run, tmp_path):
    measured = ["--evaluate-every=2", "--features=pixels", "--evaluate-images=20", "--keep-best=recall"]
    assert run(*TINY, "--iterations=2", *measured)[0] == 0
    assert list((tmp_path / "logs/mlp-digits/quality").iterdir()) != []
    assert run(*TINY, "--iterations=2", "--fresh")[0] == 0
    assert not (tmp_path / "logs/mlp-digits/quality").exists()
    assert not (tmp_path / "logs/mlp-digits/checkpoints/best.json").exists()


@pytest.mark.slow
def test_speed_and_time_left_are_of_what_this_command_trained(run, monkeypatch):
    """On a clock on which an iteration, of two updates of D, takes two seconds; the second command goes on from the first."""
    now, fused = [0.0], steps.fused

    def slow(*given):
        return [lambda *arguments, step=step: (now.__setitem__(0, now[0] + 2), step(*arguments))[1] for step in fused(*given)]

    for user in (instruments, hooks):
        monkeypatch.setattr(user, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr(steps, "fused", slow)
    for begin, length in ((0, 4), (4, 8)):
        status, out, _ = run("--batch-size=8", "--d-steps=2", "--summary-every=2", f"--iterations={length}")
        assert status == 0
        told = re.findall(r"^iteration (\d+)/.* (\d+) images/s  00:(\d+) left$", out, re.M)
        iterations = [n for n in range(begin, length) if n % 2 == 0 or n + 1 == length]
        assert [tuple(map(int, line)) for line in told] == [(n, 8, 2 * (length - n - 1)) for n in iterations]


def test_a_batch_that_is_too_large_for_the_device(monkeypatch):
    settings = options_of_train.settings(train.parser().parse_args(["--batch-size=77"]))
    refused = []
    team = SimpleNamespace(refuse=lambda error: refused.append(str(error)))
    monkeypatch.setattr("tfgan.training.devices.prepare_devices", lambda hardware: ["/cpu:0"])
    monkeypatch.setattr("tfgan.distribution.team.Team", lambda *_: team)

    def no_room(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")

    monkeypatch.setattr(train, "train", no_room)
    words = "batch_size 77 needs more memory than there is; give a smaller one"
    with pytest.raises(tfgan.UserError, match=f"^{words}$"):
        train.train_on_devices(settings)
    assert refused == [words]
