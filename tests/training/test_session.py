"""What a session is really given, and its graph: the options of `python -m tfgan.train` arrive there, each by itself."""

from types import SimpleNamespace

import numpy as np
import pytest

from tests.conftest import TINY
from tests.conftest import assert_same_variables
from tests.conftest import saved_variables
from tests.graph.test_precision import in_bfloat16
from tfgan import recipes
from tfgan.distribution import cluster
from tfgan.distribution import server
from tfgan.distribution import team as teams
from tfgan.tf1 import Session
from tfgan.tf1 import tf
from tfgan.tf1 import tf2
from tfgan.training import devices
from tfgan.training.session import session_config


class Begun(Exception):
    """Ends the command where its session would begin."""


class Alone(teams.Team):
    """A team of one."""

    def __init__(self):
        super().__init__(["/cpu:0"])


class Follower(Alone):
    """A process that trains along, of a team of one."""

    def __init__(self):
        super().__init__()
        self.chief = False


class Devices(teams.Team):
    """A team on two devices."""

    def __init__(self):
        super().__init__(("/cpu:0", "/cpu:1"))


@pytest.fixture
def seen(run, monkeypatch):
    """seen(team, *options) -> (config of the process, config of its session for training, its graph, all configs before)."""

    def of(team, *options):
        sessions, servers, new = [], [], Session.__new__

        def session(cls, target="", graph=None, config=None):
            sessions.append((config or tf.ConfigProto(), graph))
            if any(op.name.startswith("d_update/") for op in graph.get_operations()):
                raise Begun
            return new(cls)

        def start_team(*arguments):
            servers.append(arguments[-1])
            return team()

        monkeypatch.setattr(devices, "prepare_devices", lambda hardware: ["/cpu:0"])
        monkeypatch.setattr(teams, "Team", start_team)
        monkeypatch.setattr(Session, "__new__", session)
        with pytest.raises(Begun):
            run("--batch-size=8", *options)
        (*before, (config, graph)) = sessions
        return servers[0], config, graph, [config for config, _ in before]

    return of


def settings_in(config):
    """(threads of an operation, whether XLA compiles all, whether float16 is used where it is safe)."""
    options = config.graph_options
    rewrites = options.rewrite_options
    return (
        config.intra_op_parallelism_threads,
        options.optimizer_options.global_jit_level == tf.OptimizerOptions.ON_1,
        rewrites.auto_mixed_precision == rewrites.ON,
    )


def formats_in(graph):
    """The formats of the matrix products."""
    return {op.outputs[0].dtype for op in graph.get_operations() if op.type == "MatMul"}


def scales_in(graph):
    """{update: what its gradients are divided by}, of those that are."""
    divisions = [op for op in graph.get_operations() if op.type == "RealDiv" and "gradients" not in op.name]
    by = [(op.name.split("/")[0], tf2.get_static_value(op.inputs[1])) for op in divisions]
    return {(block, float(value)) for block, value in by if block in ("d_update", "g_update_after_d") and value is not None}


# options -> threads, XLA, float16 (here as with a GPU)
CASES = {
    ("--model=vanilla",): (1, False, False),
    ("--model=vanilla", "--xla"): (1, True, False),
    ("--model=vanilla", "--mixed-precision"): (1, False, True),
}
PAIRS = [(team, options) for team in (Alone, Follower) for options in CASES]
PAIRS += [(Devices, ("--model=vanilla", "--mixed-precision"))]


@pytest.mark.parametrize(("team", "options"), PAIRS, ids=[f"{team.__name__}{''.join(options)}" for team, options in PAIRS])
def test_options_reach_the_session_and_the_graph(seen, team, options, monkeypatch):
    """Of the chief, of who trains along, and of a team of devices; and all of it what the process was begun with."""
    monkeypatch.setattr("tfgan.training.session.gpus", lambda: ["a GPU"])
    process, config, graph, _ = seen(team, *options)
    assert settings_in(config) == settings_in(process) == CASES[options]
    assert config.gpu_options.allow_growth
    assert scales_in(graph) == ({("d_update", 1024), ("g_update_after_d", 1024)} if "--mixed-precision" in options else set())
    assert formats_in(graph) == {tf.float32}


@pytest.mark.parametrize("team", [Alone, Follower, Devices])
def test_without_a_gpu_the_graph_itself_has_bfloat16(seen, team):
    """TensorFlow rewrites nothing, and the losses have no scale."""
    process, config, graph, _ = seen(team, "--model=vanilla", "--mixed-precision")
    assert settings_in(config) == settings_in(process) == (1, False, False)
    assert scales_in(graph) == set()
    assert formats_in(graph) == {tf.bfloat16}


@pytest.mark.parametrize(("more", "threads"), [([], 1), (["--as-written"], 0)])
def test_the_first_session_asks_for_the_trainings_threads(seen, more, threads):
    """The first one of a process decides for all; where samples are measured that is another one than the training's."""
    measured = ["--evaluate-every=5", "--features=pixels", "--evaluate-images=10"]
    process, config, _, before = seen(Alone, "--model=vanilla", *more, *measured)
    first = [*before, config][0]
    assert len(before) > 0
    assert [settings_in(each)[0] for each in (process, config, first)] == [threads] * 3


def test_threads_of_an_operation():
    """vanilla's alone are so small that one is best; 0 is as many as there are cores."""
    threads = {model: session_config(recipes.recipe(model)).intra_op_parallelism_threads for model in recipes.MODELS}
    assert threads == dict.fromkeys(recipes.MODELS, 0) | {"vanilla": 1}


def test_a_host_has_them_for_its_server_and_its_session(monkeypatch, graph):
    """The server, which has the process's devices, and the session on it."""
    training = session_config(recipes.recipe("vanilla"), xla=True)
    told = []

    def stop(*of_whom, config, **settings):
        told.append(config)
        raise Begun

    monkeypatch.setattr(cluster, "refuse_address", lambda cluster: None)
    monkeypatch.setattr(tf.train, "Server", stop)
    with pytest.raises(Begun):
        server.start(cluster.Cluster(("a:1", "b:2"), 1), training)
    team = Devices()
    team._cluster, team._server = cluster.Cluster(("a:1", "b:2"), 1), SimpleNamespace(target="grpc://a:1")
    monkeypatch.setattr(Session, "__new__", stop)
    with pytest.raises(Begun), team.session(graph, training):
        pass
    assert [settings_in(config) for config in told] == [(1, True, False)] * 2


def test_who_trains_along_ends_with_the_signals_status(run, monkeypatch):
    """The one that any process of the team was sent."""

    class Stopped(Follower):
        def broadcast(self, session, start):
            return 0

        def stop_signal(self, session, iteration, own):
            return 15 if iteration == 3 else 0

    monkeypatch.setattr(devices, "prepare_devices", lambda hardware: ["/cpu:0"])
    monkeypatch.setattr(teams, "Team", lambda *_: Stopped())
    status, out, err = run("--batch-size=8", "--iterations=6")
    assert (status, err) == (128 + 15, "")
    assert "Stopped after iteration 3 of 6" in out


@pytest.fixture
def run_in_bfloat16(run, monkeypatch):
    """`run` on a CPU that multiplies bfloat16 faster, or so the command is told of this one."""
    monkeypatch.setattr("tfgan.training.devices.why_no_bfloat16", lambda: None)
    return run


@in_bfloat16
@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["--devices=0,1"], ["--penalty=r1"]], ids=["one device", "two", "a penalty"])
def test_a_run_that_goes_on_has_the_bits_of_one_that_never_stopped(run_in_bfloat16, tmp_path, more):
    options = [*TINY, "--mixed-precision", *more]
    assert run_in_bfloat16(*options, "--iterations=12", "--run=whole")[0] == 0
    for end in (5, 12):
        status, out, _ = run_in_bfloat16(*options, f"--iterations={end}", "--run=parts")
        assert status == 0
        assert "layers in bfloat16" in out
        assert "Warning" not in out
    whole, parts = (saved_variables(tmp_path / "logs" / name) for name in ("whole", "parts"))
    assert_same_variables(whole, parts)
    assert run_in_bfloat16(*TINY, *more, "--iterations=12", "--run=float32")[0] == 0
    assert run_in_bfloat16(*TINY, *more, "--iterations=1", "--run=begin")[0] == 0
    begin, float32 = (saved_variables(tmp_path / "logs" / name)["generator/dense/kernel"] for name in ("begin", "float32"))
    steps = [kernel - begin for kernel in (float32, whole["generator/dense/kernel"])]
    assert 0.9 < np.corrcoef(*(step.ravel() for step in steps))[0, 1] < 1, "nearly the same way, and not the same bits"


@in_bfloat16
def test_a_run_that_changes_its_format_is_told(run_in_bfloat16):
    assert run_in_bfloat16(*TINY, "--iterations=1")[0] == 0
    for options, was, now in ((["--mixed-precision"], False, True), ([], True, False)):
        status, out, _ = run_in_bfloat16(*TINY, *options, f"--iterations={3 - now}")
        assert status == 0
        assert f"mixed_precision was {was}, now {now}" in out
