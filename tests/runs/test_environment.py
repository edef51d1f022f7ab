"""What is recorded of the machine and the versions that a run was trained with."""

from tfgan.runs import environment


def test_environments_that_differ():
    now = {"python": "3.12", "replicas": 1, "sync_batch_norm": False, "device": ["CPU"]}
    assert environment.changes({"python": "3.12", "device": ["CPU"], "gone": 1}, now) == [], "older versions had one replica"
    assert environment.changes({"python": "3.11", "replicas": 2}, now) == [
        "python was '3.11', now '3.12'", "replicas was 2, now 1", "device was None, now ['CPU']",
    ]  # fmt: skip


def test_what_is_recorded_of_a_process(monkeypatch):
    monkeypatch.setattr("tfgan.tf1.gpus", list)
    for value, on in (("1", True), ("0", False)):
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", value)
        found = environment.environment(xla=True)
        assert (found["device"], found["onednn"], found["xla"]) == (["CPU"], on, True)
