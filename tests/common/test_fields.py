"""Fields that say of themselves what they may be: ranges, choices, and the options that they make."""

import argparse
import dataclasses
import math
import pathlib

import pytest

from tfgan.common import fields
from tfgan.common.fields import Range
from tfgan.common.fields import field
from tfgan.errors import UserError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Walk:
    """What a walk is."""

    dog: str  # it says nothing
    steps: int = field("steps to walk", "effort", range=Range(1, 1000))
    weather: str | None = field("what it is like", "outside", default=None, choices=("sun", "rain", "snow"))
    toys: tuple = field("what is taken along", "outside", default=(), choices=("ball", "stick"))
    speed: float = field("metres in a second, 50% more uphill", "effort", default=1.5, range=Range(0, 9, (0, 9)))
    leash: bool = field("keep to the leash", "effort", default=False)
    to: pathlib.Path = field("where it ends", "outside", default=pathlib.Path("home"))
    pace: int = field(range=Range(1), default=1)  # no option


def parsed(*words, **settings):
    parser = argparse.ArgumentParser()
    groups = fields.add_options(parser, Walk, **settings)
    return vars(parser.parse_args(words)), parser, groups


@pytest.mark.parametrize(("numbers", "inside", "outside", "words"), [
    (Range(1, 1000), (1, 1000), (0, 1001, math.nan), "from 1 to 1,000"),
    (Range(0, 1, (1,)), (0, 0.999), (-1e-9, 1, math.nan), "at least 0 and below 1"),
    (Range(0, math.inf, (0, math.inf)), (1e-9, 1e9), (0, math.inf, math.nan), "above 0 and finite"),
    (Range(0, math.inf, (math.inf,)), (0, 1e9), (-1e-9, math.inf), "at least 0 and finite"),
    (Range(0, math.inf, (0,)), (1e-9, math.inf), (0, math.nan), "above 0"),
    (Range(1), (1, 10**30), (0,), "1 or more"),
])  # fmt: skip
def test_ranges(numbers, inside, outside, words):
    assert str(numbers) == words
    assert [n for n in (*inside, *outside) if n in numbers] == list(inside)


@pytest.mark.parametrize(("name", "value", "words"), [
    ("steps", 0, "steps is 0; it must be from 1 to 1,000"), ("steps", 1001, "steps is 1001; it must be from 1 to 1,000"),
    ("speed", math.nan, "speed is nan; it must be above 0 and below 9"), ("pace", 0, "pace is 0; it must be 1 or more"),
    ("weather", "fog", "weather is 'fog'; it must be one of sun, rain, snow"),
    ("toys", ("ball", "rope"), "toys is 'rope'; it must be one or more of ball, stick"),
    ("toys", "ball", "toys is 'b'; it must be one or more of ball, stick"),
])  # fmt: skip
def test_what_is_refused(name, value, words):
    values = {"steps": 5, "weather": None, "toys": (), "speed": 1.0, "leash": True, "to": None, "pace": 1}
    fields.check(Walk, values)
    with pytest.raises(UserError) as error:
        fields.check(Walk, {**values, name: value})
    assert str(error.value) == words
    with pytest.raises(UserError, match=f"^--{name} is "):
        fields.check(Walk, {**values, name: value}, fields.flag)


def test_options_are_made_of_the_fields_with_a_group():
    values, parser, groups = parsed("--steps=7", "--toys=ball,stick", "--leash", "--to=park")
    assert values == {
        "steps": 7, "weather": None, "toys": ("ball", "stick"), "speed": 1.5, "leash": True, "to": pathlib.Path("park")
    }  # fmt: skip
    assert list(groups) == ["effort", "outside"]
    assert parsed("--toys=")[0]["toys"] == ()
    words = " ".join(parser.format_help().split())
    for part in (
        "--steps N steps to walk", "--weather NAME what it is like: sun, rain or snow", "--leash keep to the leash",
        "--speed X metres in a second, 50% more uphill; default 1.5", "--to FOLDER where it ends; default home",
    ):  # fmt: skip
        assert part in words


def test_without_defaults_what_is_left_out_is_none():
    """So that something else can decide."""
    values, parser, _ = parsed(defaults=False)
    assert set(values.values()) == {None}
    assert "default" not in parser.format_help()
