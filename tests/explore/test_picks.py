"""What the page carries from tab to tab."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from tfgan.errors import UserError
from tfgan.explore import picks
from tfgan.explore.picks import Pick
from tfgan.sampling import latents


@pytest.mark.parametrize(("seed", "said"), [
    (None, "empty"), (-1, "-1"), (2**53, "9,007,199,254,740,992"), (-123_456_789, "-123,456,789"), (1e300, "1e+300"),
])  # fmt: skip
def test_seeds_that_a_browser_cannot_give(seed, said):
    message = f"the seed is {said}; give a whole number from 0 to 9,007,199,254,740,991"
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        picks.whole_seed(seed)
    assert picks.whole_seed(2**53 - 1) == 2**53 - 1
    assert [picks.first_seed(SimpleNamespace(seed=own)) for own in (7, 2**53 - 2, 2**53)] == [7, 2**53 - 2, 0]


def pick(seed, shares=None):
    return Pick(np.random.default_rng(seed).normal(size=5).astype(np.float32), None if shares is None else np.float32(shares))


def test_picks_are_taken_once_and_left_again():
    a, b = pick(0, [1, 0]), pick(1, [1, 0])
    same, other = Pick(a.z.copy(), a.shares.copy()), Pick(a.z, np.float32([0, 1]))
    assert picks.find(same, [b, a]) == 1
    assert picks.find(other, [b, a]) is None
    assert picks.take(same, [a]) == [a]
    assert [p is q for p, q in zip(picks.take(b, [a]), [a, b], strict=True)] == [True, True]
    assert picks.toggle(same, [a, b], 5) == [b]
    assert picks.toggle(b, [a, other], 2) == [other, b]
    many = [pick(n) for n in range(picks.MOST)]
    assert picks.take(pick(99), many)[:-1] == many[1:]


def test_a_pick_is_named_by_its_classes():
    names = ("cat", "dog", "owl")
    found = [picks.name(pick(0, shares), names) for shares in ([0, 1, 0], [0.25, 0.75, 0], [0.3, 0.3, 0.4])]
    assert found == ["dog", "75% dog, 25% cat", "40% owl, 30% cat"]
    assert picks.name(pick(0), ()) == ""


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_the_way_leads_through_all_stops(distribution):
    stops = [pick(0, [1, 0]), pick(1, [1, 0]), pick(2, [0, 1])]
    legs = picks.way(stops, 5, latents.Noise(distribution))
    assert [len(leg) for leg in legs] == [5, 5]
    for leg, begin, end in zip(legs, stops[:-1], stops[1:], strict=True):
        np.testing.assert_allclose(leg[0].z, begin.z, atol=1e-6)
        np.testing.assert_allclose(leg[-1].z, end.z, atol=1e-6)
    np.testing.assert_allclose([p.shares for p in legs[1]], [[1, 0], [0.75, 0.25], [0.5, 0.5], [0.25, 0.75], [0, 1]])
    halfway = np.linalg.norm(legs[0][2].z)
    straight = np.linalg.norm((stops[0].z + stops[1].z) / 2)
    assert (halfway == pytest.approx(straight)) == (distribution == "uniform")
