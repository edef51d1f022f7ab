"""Who trains together: options, TF_CONFIG, addresses, waiting."""

import json
import socket
import threading
from types import SimpleNamespace

import pytest

from tfgan.distribution import cluster
from tfgan.distribution.cluster import Cluster
from tfgan.errors import UserError


@pytest.fixture
def listening():
    """("127.0.0.1:PORT", its socket), where someone answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}", server


@pytest.fixture(autouse=True)
def no_tf_config(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)


def test_of_options():
    assert cluster.of_options(None, None) is None
    assert cluster.of_options("a:1", 0) is None
    assert cluster.of_options("a:1, b:2", 1) == Cluster(("a:1", "b:2"), 1)
    assert cluster.of_options("[fd00::1]:1,b:2", 0) == Cluster(("[fd00::1]:1", "b:2"), 0)


@pytest.mark.parametrize(
    ("hosts", "task", "words"),
    [
        (None, 1, "there is no --hosts"),
        ("a:1,b:1", None, "needs --task"),
        ("a:1,b", 0, "'b' is not ADDRESS:PORT"),
        ("a:1,b:0", 0, "'b:0' is not ADDRESS:PORT"),
        ("a:1,b:70000", 0, "'b:70000' is not ADDRESS:PORT"),
        ("fd00::1:2222,b:1", 0, "'fd00::1:2222' is not ADDRESS:PORT"),
        ("a:1,:2", 0, "':2' is not ADDRESS:PORT"),
        ("a:1,b:1,a:1", 0, "has a:1 twice"),
        ("a:1,b:1", 2, "--task is 2, but --hosts has 2 hosts, which are 0 to 1"),
        ("a:1,b:1", -1, "--task is -1"),
    ],
)
def test_odd_options(hosts, task, words):
    with pytest.raises(UserError, match=words):
        cluster.of_options(hosts, task)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, None),
        ({"cluster": {}}, None),
        ({"cluster": None, "task": {"type": "master", "index": 0}}, None),
        (None, None),
        ({"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}, None),
        ({"cluster": {"master": ["a:1"]}, "task": {"type": "master", "index": 0}}, None),
        ({"cluster": {"chief": ["a:1"], "worker": [], "ps": []}, "task": {"type": "chief", "index": 0}}, None),
        ({"cluster": {"chief": ["a:1"]}}, None),
        ({"cluster": {"master": ["m:1"], "worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}, Cluster(("m:1", "a:1"), 1)),
        ({"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}, Cluster(("a:1", "b:1"), 1)),
        (
            {"cluster": {"chief": ["c:1"], "worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": "1"}},
            Cluster(("c:1", "a:1", "b:1"), 2),
        ),
        (
            {"cluster": {"chief": ["c:1"], "worker": ["a:1"]}, "task": {"type": "chief", "index": 0}},
            Cluster(("c:1", "a:1"), 0),
        ),
    ],
)
def test_tf_config(config, expected, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert cluster.of_options(None, None) == expected
    assert cluster.of_options("x:1,y:1", 0) == Cluster(("x:1", "y:1"), 0), "options come first"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{bad", "JSONDecodeError"),
        ("[" * 100_000, "RecursionError"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}}', "TypeError"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker"}}', "KeyError: 'index'"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1e999}}', "TypeError"),
        ('{"cluster": {"worker": "a:1,b:1"}, "task": {"type": "worker", "index": 0}}', "each job is a list of addresses"),
        ('{"cluster": {"chief": ["a:1"]}, "task": {"type": "evaluator", "index": 0}}', "a job 'evaluator'"),
        ('{"cluster": "a:1"}', "AttributeError"),
        ('["a"]', "AttributeError"),
        ('{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "worker", "index": 0}}', "a job 'ps'"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "evaluator", "index": 0}}', "a job 'evaluator'"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}}', "worker 2, but its cluster has 2"),
        ('{"cluster": {"worker": ["a:1", 7]}, "task": {"type": "worker", "index": 0}}', "AttributeError"),
    ],
)
def test_odd_tf_configs(text, words, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UserError, match=words) as error:
        cluster.of_options(None, None)
    assert "\n" not in str(error.value)
    assert "unset TF_CONFIG" in str(error.value) or "is not ADDRESS:PORT" in str(error.value)


def test_addresses_that_are_not_this_processs(listening):
    taken, _ = listening
    cluster.refuse_address(Cluster(("127.0.0.1:23456", taken), 0))
    with pytest.raises(UserError, match=f"port .* of {taken} is taken: another process says that it is the same task"):
        cluster.refuse_address(Cluster(("127.0.0.1:23456", taken), 1))
    with pytest.raises(UserError, match="is 192.0.2.1 and none of this machine's addresses"):  # of RFC 5737
        cluster.refuse_address(Cluster(("192.0.2.1:23456", taken), 0))
    with pytest.raises(UserError, match="nowhere.invalid is no address that can be found"):
        cluster.refuse_address(Cluster(("nowhere.invalid:23456", taken), 0))
    with pytest.raises(UserError, match="a..b is no address that can be found"):
        cluster.refuse_address(Cluster(("a..b:23456", taken), 0))


@pytest.mark.parametrize(
    ("names", "exempt"),
    [
        ({}, "10.0.0.1,b,fd00::1"),
        ({"no_proxy": ".corp"}, ".corp,10.0.0.1,b,fd00::1"),
        ({"no_proxy": ".corp", "no_grpc_proxy": "other"}, "other,10.0.0.1,b,fd00::1"),
    ],
)
def test_the_own_addresses_alone_go_past_a_proxy(names, exempt, monkeypatch):
    """gRPC's own variable says so, and what downloads read is left alone."""
    proxies = {"http_proxy": "http://proxy:3128", "HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "x"}
    environment = {**proxies, "no_proxy": "", **names}
    monkeypatch.setattr(cluster.os, "environ", dict(environment))
    cluster.bypass_proxies(Cluster(("b:2222", "[fd00::1]:2222", "10.0.0.1:1", "b:2223"), 0))
    assert cluster.os.environ == {**environment, "no_grpc_proxy": exempt}


def test_who_comes_late_is_waited_for(listening, capsys):
    there, _ = listening
    with socket.socket() as late:
        late.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{late.getsockname()[1]}"
        timer = threading.Timer(1, late.listen)
        timer.start()
        cluster.wait_for_all(Cluster(("127.0.0.1:1", there, host), 0), patience_s=30)
        timer.join()
    assert capsys.readouterr().out == f"Waiting for task 2 at {host}\n"


def test_who_never_comes_is_named(listening):
    there, _ = listening
    with pytest.raises(UserError, match="waited 1 s in vain for task 2 at 127.0.0.1:1; start it, or mend --hosts"):
        cluster.wait_for_all(Cluster(("127.0.0.1:2", there, "127.0.0.1:1"), 0), patience_s=1)
    with pytest.raises(UserError, match="nowhere.invalid is no address"):
        cluster.wait_for_all(Cluster((there, "nowhere.invalid:1"), 0), patience_s=1)


@pytest.mark.parametrize(("hosts", "task", "words"), [
    ("a:65535,b:1", 0, None), ("a:65536,b:1", 0, "--hosts: 'a:65536' is not ADDRESS:PORT, such as a:2222 or [fd00::1]:2222"),
    ("a:0x1,b:1", 0, "--hosts: 'a:0x1' is not ADDRESS:PORT"), ("a:1,b:1", 1, None),
    ("a:1", 1, "--task is 1, but --hosts has 1 hosts, which are 0 to 0"),
    (None, 0, "--task is 0, but there is no --hosts; give both, or neither"),
    ("a:1", None, "--hosts needs --task: which of the hosts this one is, from 0 on"),
])  # fmt: skip
def test_hosts_at_the_edges(hosts, task, words):
    if words is None:
        assert cluster.of_options(hosts, task) == cluster.Cluster(tuple(hosts.split(",")), task)
        return
    with pytest.raises(UserError) as error:
        cluster.of_options(hosts, task)
    assert str(error.value).startswith(words)


def test_who_is_missing_is_told_every_half_minute(monkeypatch, capsys):
    now, answers = [0.0], {"b:1": 95, "c:1": 40}
    monkeypatch.setattr(cluster, "_answers", lambda host: now[0] >= answers[host])

    def go_on(seconds):
        now[0] += seconds
        return now[0]

    clock = SimpleNamespace(monotonic=lambda: go_on(1e-3), sleep=lambda seconds: go_on(20 * seconds))
    monkeypatch.setattr(cluster, "time", clock)
    cluster.wait_for_all(cluster.Cluster(("a:1", "b:1", "c:1"), 0), patience_s=100)
    assert capsys.readouterr().out.splitlines() == [
        *["Waiting for task 1 at b:1, task 2 at c:1"] * 2, *["Waiting for task 1 at b:1"] * 2,
    ]  # fmt: skip
