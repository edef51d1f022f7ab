"""Which classes --label asks for, which image gets which, and where it lies in a picture."""

import itertools
import shlex
from types import SimpleNamespace

import numpy as np
import pytest

from tfgan import sample
from tfgan.errors import UserError
from tfgan.sampling import classes
from tfgan.sampling import drawing

CLOTHES = SimpleNamespace(name="run", classes={"Bag": 5, "Ankle boot": 7, "1": 9, "T-shirt, top": 2})


@pytest.mark.parametrize(("text", "chosen"), [
    ("Bag", (0,)), ("Ankle boot,Bag", (1, 0)), ("3, 0", (3, 0)), ("1", (2,)), ("T-shirt, top", (3,)), ("0,0", (0, 0)),
    ('Bag,"T-shirt, top"', (0, 3)), ('"T-shirt, top", Bag , "1"', (3, 0, 2)),
])  # fmt: skip
def test_classes_by_name_and_by_number(text, chosen):
    """A name goes before a number, and a name may contain a comma."""
    assert classes.choose(text, CLOTHES) == chosen


ODD = (
    "a", "b", "a,b", " a", "a ", '"a"', '"a","b"', '6" nail', "it's", "-x", "--label", "100%", "%s", "$HOME", "`a`", "a\\b", "*",
    "new\nline", "0", "7", "1,2", ",", '"', "#", "ä ö", "!", "a;b", "~",
)  # fmt: skip


def test_a_label_that_is_told_names_its_classes_when_it_is_pasted():
    """All pairs of odd names. The shell's words go through the command's own parser."""
    run = SimpleNamespace(name="run", classes=dict.fromkeys(ODD, 1))
    for pair in [*itertools.product(range(len(ODD)), repeat=2), *((n,) for n in range(len(ODD)))]:
        told = f"--label={shlex.quote(classes.label(ODD[n] for n in pair))}"
        options = sample.parser().parse_args(shlex.split(f"--run=a {told}"))
        assert classes.choose(options.label, run) == pair


@pytest.mark.parametrize("text", ["4", "-1", "bag", "", "Bag,"])
def test_what_is_no_class_is_refused_with_those_that_are(text):
    with pytest.raises(UserError, match="no class .*; give one of Bag, Ankle boot, 1, \"T-shirt, top\", or its number"):
        classes.choose(text, CLOTHES)
    with pytest.raises(UserError, match="^--label: plain is not conditional; leave --label out, or train"):
        classes.choose(text, SimpleNamespace(name="plain", classes={}))


def test_classes_are_dealt_in_turn_whatever_the_count():
    assert classes.deal((7, 3), 5).tolist() == [7, 3, 7, 3, 7]
    assert [classes.default_count((0,) * n) for n in (1, 2, 3, 10)] == [64, 64, 72, 80]


def test_the_best_of_each_class_are_kept():
    """D's logit is the noise. Of twelve draws, dealt to the classes 1 and 0, each class keeps its two best."""
    logits = np.float32([3, 9, 5, 1, 8, 2, 4, 7, 0, 6, 1, 5])
    sampler = SimpleNamespace(
        recipe=SimpleNamespace(z_dim=1), z=lambda count, seed, first: logits[first : first + count, None],
        scores=lambda z, labels: z[:, 0],
    )  # fmt: skip
    labels = classes.deal((1, 0), 4)
    z, scores = drawing.best_of(sampler, drawing.Source(0), labels, 4, 3)
    assert scores.tolist() == z[:, 0].tolist() == [8, 9, 5, 7], "class 1 has 3 5 8 4 0 1, class 0 has 9 1 2 7 6 5"


def test_a_row_of_a_picture_has_one_class():
    layout = classes.layout((7, 3), 16, [*"0123456789"])
    assert (layout.rows, layout.columns, layout.names) == (4, 4, ("7", "7", "3", "3"))
    assert np.asarray(layout.cells)[:4].tolist() == [0, 8, 1, 9], "in turn: of 7, of 3, of 7, of 3"
    assert classes.names_of_ways([1, 8, 3, 3], [*"0123456789"]) == ("1 to 8", "3")
