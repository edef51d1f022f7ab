"""The alarms: silent on healthy runs, and ringing on runs that were driven into trouble; their lines of metrics are kept here."""

import json
import pathlib

import pytest

from tests.conftest import assert_says
from tfgan.quality.alarms import Alarms

KEPT = json.loads((pathlib.Path(__file__).parent / "alarms.json").read_text())
GOOD = {"d_loss": 1.0, "d_loss_real": 0.5, "d_loss_fake": 0.5, "g_loss": 1.0, "g_gradient": 1.0, "diversity": 0.8}


def ringing(lines, loss="non-saturating", smooth=0.0):
    """[(number of the line, kind)] of all alarms."""
    alarms = Alarms(loss, smooth)
    return [(number, alarm.kind) for number, line in enumerate(lines) for alarm in alarms.look(line)]


@pytest.mark.parametrize("run", KEPT["runs"], ids=[run["run"] for run in KEPT["runs"]])
def test_on_real_runs(run):
    found = ringing([dict(zip(KEPT["columns"], line, strict=True)) for line in run["lines"]], run["loss"], run["smooth"])
    assert {kind for _, kind in found} == set(run["alarms"])


def test_there_are_healthy_runs_and_each_kind_of_trouble():
    assert sum(not run["alarms"] for run in KEPT["runs"]) >= 4
    assert {kind for run in KEPT["runs"] for kind in run["alarms"]} == {"collapse", "d_wins", "vanishing", "nan_ahead"}


def test_a_diversity_that_falls_after_it_was_high():
    assert ringing([GOOD] * 20 + [{**GOOD, "diversity": 0.3}] * 5) == [(22, "collapse")], "once the median of five fell"
    assert ringing([GOOD] * 20 + [{**GOOD, "diversity": 0.35}] * 9) == []
    assert ringing([{**GOOD, "diversity": 0.3}] * 20) == [], "low from the start, as in a young run"
    assert ringing([{**GOOD, "diversity": 0.04}] * 20) == [(9, "collapse")]


def test_it_rings_again_only_when_it_had_ended():
    bad, good = [{**GOOD, "diversity": 0.01}] * 10, [GOOD] * 10
    assert [kind for _, kind in ringing(good + bad + good + bad)] == ["collapse"] * 2


def test_classes_that_are_lost():
    def covering(*counts):
        return [{**GOOD, "classes_covered": count} for count in counts]

    assert ringing(covering(4, 8, 10, 9, 7)) == []
    assert ringing(covering(4, 8, 10, 6, 5, 10)) == [(3, "collapse")]
    assert ringing([*covering(10), GOOD, GOOD, *covering(3)]) == [(3, "collapse")]
    assert ringing(covering(2, 1, 2, 1)) == [], "of few classes a single one may be missing"
    assert ringing(covering(3, 1)) == [(1, "collapse")]


def within(**classes):
    """Lines of measurements, the values of each class one after the other."""
    rows = [dict(zip(classes, row, strict=True)) for row in zip(*classes.values(), strict=True)]
    return [{**GOOD, "diversity_within_classes": row} for row in rows]


def test_a_class_that_collapses_alone():
    """Twice in a row it is below 0.3 of its own highest, or of what the others have."""
    assert ringing(within(a=(0.8, 0.2, 0.2, 0.2), b=(0.8, 0.9, 0.9, 0.8))) == [(2, "class_collapse")]
    assert ringing(within(a=(0.8, 0.2, 0.3, 0.2), b=(0.8, 0.9, 0.9, 0.8))) == [], "once may be chance"
    assert ringing(within(a=(0.1,) * 3, b=(0.5,) * 3, c=(0.5,) * 3)) == [(1, "class_collapse")], "it was never diverse"
    assert ringing(within(a=(0.05,) * 3, b=(0.1,) * 3, c=(0.39,) * 3)) == [], "nor are the others yet"
    assert ringing(within(a=(0.8, 0.1, 0.1), b=(0.8, 0.1, 0.1))) == [(2, "class_collapse")], "all of them"
    assert ringing(within(a=(0.8, 0.25, 0.25), b=(0.8, 0.9, 0.9))) == [], "0.25 is more than 0.3 of 0.8"
    assert ringing(within(a=(None, None, 0.1), b=(0.8, 0.8, 0.8), c=(0.8, 0.8, 0.8))) == [], "measured once"
    assert ringing(within(a=(None, None), b=(None, None))) == []


def test_a_collapsed_class_is_told_once_until_it_recovers():
    """Also where lines without a measurement lie between, and while the whole is in trouble."""
    bad, good = within(a=(0.1,), b=(0.9,), c=(0.9,)), within(a=(0.8,), b=(0.9,), c=(0.9,))
    between = [{**GOOD, "d_loss": 1.5}] * 5
    found = ringing([*good, *between, *bad, *between, *bad, *between, *bad, *good, *between, *bad, *bad])
    assert found == [(12, "class_collapse"), (26, "class_collapse")]
    alarms = Alarms("hinge")
    many = within(**{f"n{n}": (0.8, 0.1, 0.1 if n else 0.8) for n in range(8)})
    (text,) = [alarm.text for line in many for alarm in alarms.look(line)]
    assert text.startswith(
        "within a class G's images are only so far apart, compared with real ones: 10% in class n1, 10% in class n2, 10% in "
        "class n3, 10% in class n4, 10% in class n5, and likewise in 2 more. G makes few images of such a class"
    )


def lines_of(name, *values, **others):
    """Lines whose value of that name changes from line to line."""
    return [{**GOOD, name: value, **others} for value in values]


@pytest.mark.parametrize(("lines", "number", "words"), [
    # the second of the two measurements that set it off: 0.1 and then 0.2 of class a
    (within(a=(0.8, 0.1, 0.2), b=(0.8, 0.9, 0.95)), 2, "compared with real ones: 20% in class a. G makes"),
    # the least that it was lies before
    (within(a=(0.9, 0.7, 0.05, 0.11), b=(0.8, 0.9, 0.9, 0.85)), 3, "compared with real ones: 11% in class a. G makes"),
    # two classes, each with its own value
    (within(a=(0.8, 0.12, 0.14), b=(0.8, 0.9, 0.7), c=(0.9, 0.16, 0.18), d=(0.8,) * 3), 2, "14% in class a, 18% in class c."),
    # the median of the last five: 0.24, 0.26, 0.28, 0.8 and 0.82
    (lines_of("diversity", *[0.7, 0.75] * 5, 0.8, 0.82, 0.26, 0.28, 0.24), 14, "G's images are 28% as far apart as real ones"),
    (lines_of("classes_covered", 4, 8, 10, 9, 3, 1), 4, "the samples cover 3 classes, after 10 before"),
    (lines_of("g_gradient", 1.0, 9e4, 2.5e5, 7e5), 2, "g_gradient is 250,000: NaN may follow"),
    ([*lines_of("g_gradient", 1.0, 9e4), {**GOOD, "d_loss": -3e5, "g_gradient": 5.0}], 2, "d_loss is -300,000: NaN may follow"),
])  # fmt: skip
def test_an_alarm_names_the_values_of_its_own_line(lines, number, words):
    """Not those of an earlier line, of another name or of another class; nor later ones, as it is told at once."""
    alarms = Alarms("hinge")
    (found,) = [(n, alarm.text) for n, line in enumerate(lines) for alarm in alarms.look(line)]
    assert found[0] == number
    assert words in found[1]


def test_a_trouble_that_comes_again_is_told_with_its_new_values():
    alarms = Alarms("hinge")
    lines = lines_of("g_gradient", 1.0, 2e5, 1.0, 3e5)
    assert [text.partition(":")[0] for line in lines for _, text in alarms.look(line)] == [
        "g_gradient is 200,000", "g_gradient is 300,000",
    ]  # fmt: skip


def test_d_wins_only_where_both_halves_are_small_for_long():
    won = {**GOOD, "d_loss_real": 0.001, "d_loss_fake": 0.002}
    assert ringing([won] * 9) == []
    assert ringing([won] * 30) == [(9, "d_wins")]
    assert ringing([won] * 9 + [GOOD] + [won] * 9) == []
    assert ringing([{**won, "d_loss_fake": 0.5}] * 30) == []
    for each, rings in ((0.0049, True), (0.0051, False)):  # halves of a loss of pairs, which is 0.0098 or 0.0102
        pairs = {**GOOD, "d_loss_real": each, "d_loss_fake": each}
        assert ringing([pairs] * 30, "relativistic") == ([(9, "d_wins")] if rings else [])
    assert ringing([{**won, "d_loss_real": -5.0, "d_loss_fake": -3.0}] * 30, "wasserstein") == []


def test_d_wins_against_smoothed_labels():
    """Labels of 0.9 allow no less than -0.9 ln 0.9 - 0.1 ln 0.1 = 0.32508, which D's sureness of 0.9 has."""
    won = {**GOOD, "d_loss_real": 0.33, "d_loss_fake": 0.001}
    assert ringing([won] * 9, smooth=0.1) == []
    assert ringing([won] * 30, smooth=0.1) == [(9, "d_wins")]
    assert ringing([won] * 30, "minimax", smooth=0.1) == [(9, "d_wins")]
    assert ringing([won] * 30) == [], "0.33 is far from the least of labels that are not smoothed"
    too_sure = {**won, "d_loss_real": 0.6}  # as of D(x) = 0.997
    assert ringing([won, too_sure, won] * 10, smooth=0.1) == [(9, "d_wins")]
    assert ringing([{**won, "d_loss_real": 0.38}] * 30, smooth=0.1) == []
    assert ringing([{**won, "d_loss_fake": 0.006}] * 30, smooth=0.1) == []
    squares = {**won, "d_loss_real": 0.001}
    assert ringing([squares] * 30, "least-squares", smooth=0.1) == [(9, "d_wins")], "which do reach 0"


def test_the_remedies_are_options_that_exist():
    from tfgan.train import parser

    help_text = parser().format_help()
    alarms = Alarms("minimax")
    bad = {**GOOD, "diversity": 0.0, "g_gradient": 1e-9, "d_loss_real": 0, "d_loss_fake": 0}
    lines = [GOOD, *[bad] * 20, {**GOOD, "d_loss": 1e7}, *within(a=(0.1,) * 2, b=(0.9,) * 2, c=(0.9,) * 2)]
    texts = [alarm.text for line in lines for alarm in alarms.look(line)]
    assert len(texts) == 5
    for option in {word.strip(",.:;") for text in texts for word in text.split() if word.startswith("--")}:
        assert option in help_text, option


def covering(*counts):
    return [{**GOOD, "classes_covered": count} for count in counts]


def with_gradients(*values):
    return [{**GOOD, "g_gradient": value} for value in values]


@pytest.mark.parametrize(("lines", "loss", "parts"), [
    (covering(10, 9, 5), "hinge", ["5 classes, after 10", "--fresh"]), (covering(2, 0), "hinge", ["0 classes, after 2"]),
    ([{**GOOD, "diversity": 0.0123}] * 10, "hinge", ["1% as far apart as real ones", "--spectral-normalization"]),
    ([{**GOOD, "d_loss_real": 0.004, "d_loss_fake": 0.004}] * 10, "hinge", ["for 10 lines", "--d-learning-rate"]),
    (with_gradients(*[100] * 5, *[0.9] * 5), "hinge", ["below 1%", "slow D down with --d-learning-rate"]),
    (with_gradients(*[100] * 5, *[0.9] * 5), "minimax", ["below 1%", "--loss non-saturating"]),
    (with_gradients(*[1] * 10, *[100] * 5, *[0.9] * 5), "hinge", None),  # the first ten count
    (with_gradients(*[100] * 5, *[1] * 5), "hinge", None),  # 1% is enough
    (with_gradients(*[100] * 6, *[0.9] * 4), "hinge", None),  # for too few lines
    ([{**GOOD, "g_loss": -2e5, "d_loss": 1e5}], "hinge", ["g_loss is -200,000", "--learning-rate"]),
    ([{**GOOD, "d_loss": 123_456.0, "g_gradient": 1e5}], "hinge", ["d_loss is 123,456", "--learning-rate"]),
    (with_gradients(1e5), "hinge", ["g_gradient is 100,000", "--learning-rate"]), (with_gradients(99_999.0), "hinge", None),
])  # fmt: skip
def test_what_an_alarm_says(lines, loss, parts):
    alarms = Alarms(loss)
    texts = [alarm.text for line in lines for alarm in alarms.look(line)]
    assert len(texts) == (parts is not None)
    for text in texts:
        assert_says(text, *parts)


@pytest.mark.parametrize(("low", "high", "rings"), [
    (0.049, 0.3, True), (0.05, 0.3, False), (0.15, 0.39, False), (0.15, 0.4, True), (0.161, 0.4, False), (0.19, 0.5, True),
])  # fmt: skip
def test_how_low_the_diversity_may_fall(low, high, rings):
    alarms = Alarms("hinge")
    lines = [{**GOOD, "diversity": value} for value in [high] * 10 + [low] * 5]
    assert any(alarm.kind == "collapse" for line in lines for alarm in alarms.look(line)) == rings


def test_a_line_without_all_measures_sets_off_nothing():
    for name in GOOD:
        alarms = Alarms("hinge")
        line = {**GOOD, "g_loss": 1e9, "d_loss": 1e9, "classes_covered": 1}
        del line[name]
        assert alarms.look(line) == []
