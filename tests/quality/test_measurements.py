"""Which results may be compared, and which are read."""

import json

import pytest

from tests.conftest import assert_says
from tests.models.handmade import write_run
from tfgan import recipes
from tfgan.errors import UserError
from tfgan.quality import measurements


def test_a_protocol_that_differs_in_several_ways():
    results = [{"run": run, "protocol": protocol} for run, protocol in (
        ("a", {"real": 5, "seed": 0, "size": "1"}), ("b", {"real": 5, "seed": 0, "size": "1"}),
        ("c", {"real": 6, "seed": 0, "classifier_accuracy": 0.5}),
    )]  # fmt: skip
    measurements.require_same(results[:2])
    with pytest.raises(UserError) as error:
        measurements.require_same(results)
    differences = ("classifier_accuracy is None and 0.5", "real is 5 and 6", "size is 1 and None")
    assert_says(error.value, "of a and c", *differences, "evaluate them separately")


def test_evaluations_that_are_read(tmp_path):
    """In the order of their folders and iterations; without those whose values are not numbers."""
    run = write_run(tmp_path / "run", recipes.recipe("vanilla", "digits"), {})
    good = {"iteration": 2, "figures": {"recall": 1, "class_shares": {"a": 0.5}}, "protocol": {"seed": 0}}
    good["figures"] |= {"diversity_within_classes": {"a": None}, "classes_seen": {"a": {"a": 1, "b": 0}, "b": {"a": 0, "b": 2}}}
    bad = [{**good, "iteration": "2"}, {**good, "figures": {"recall": None}}, {**good, "protocol": 5}, {**good, "figures": []}]
    bad += [{**good, "figures": {"class_shares": {"a": "x"}}}, 5, {**good, "protocol": {"format": 2}}]
    bad += [{**good, "figures": {"classes_seen": seen}} for seen in ({"a": {"b": 1}}, {"a": {"a": "x"}}, {"a": 5}, 5)]
    contents = {"b/000001": good, "a/000010": {**good, "iteration": 10}, "a/000009": {**good, "iteration": 9}}
    contents |= {f"c/{number:06d}": content for number, content in enumerate(bad)} | {"c/x": good}
    for name, content in contents.items():
        path = run.logs / "quality" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    assert [found["iteration"] for found in measurements.read_all(run)] == [9, 10, 2]
