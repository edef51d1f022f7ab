"""Curves as SVG: they are those of the values, and thinning loses no peak."""

import re

import numpy as np
import pytest

from tfgan.explore import curves


@pytest.mark.parametrize("count", [0, 1, 7, 800, 801, 12_345, 50_000])
def test_thinned_curves_keep_every_peak_near_its_place(count):
    """Within a bin of each value are a kept one that is as high, and one that is as low."""
    values = np.random.default_rng(count).standard_cauchy(count)
    indices = np.array(curves.extremes(values), int)
    assert indices.tolist() == sorted(set(indices.tolist()))
    assert len(indices) <= 802
    if count <= 800:
        assert len(indices) == count
        return
    assert (indices[0], indices[-1]) == (0, count - 1)
    kept, reach = values[indices], count // 400 + 1
    for place in np.random.default_rng(0).integers(0, count, 200):
        near = kept[np.abs(indices - place) <= reach]
        assert near.min() <= values[place] <= near.max()
    assert (kept.min(), kept.max()) == (values.min(), values.max())


def points(html):
    """{measure: [(x, y)]} of a chart, both from 0 to 1, y upwards."""
    found = re.findall(r'<polyline data-curve="(\w+)"[^>]* points="([^"]*)"', html)
    pairs = {name: [tuple(map(float, each.split(","))) for each in text.split()] for name, text in found}
    return {name: [(x / curves.WIDTH, 1 - y / curves.HEIGHT) for x, y in each] for name, each in pairs.items()}


def test_the_points_of_a_chart_are_its_values():
    """Losses may be below 0. Lines without a value have no point."""
    iterations, a, b = np.array([0, 100, 200, 250]), np.array([-2.0, 8, 3, 0]), np.array([np.nan, 1, np.nan, 5])
    html = curves.chart(("red", "blue"), iterations, {"a": ("A's & B's", a), "b": ("B", b)}, 500, (-2, "low"), (8, "high"))
    found = points(html)
    assert list(found) == ["a", "b"]
    np.testing.assert_allclose(found["a"], [(0, 0), (0.2, 1), (0.4, 0.5), (0.5, 0.2)], atol=1e-4)
    np.testing.assert_allclose(found["b"], [(0.2, 0.3), (0.5, 0.7)], atol=1e-4)
    assert re.search("stroke=.red. .*stroke=.blue. ", html)
    assert "A&#x27;s &amp; B&#x27;s <b" in html
    assert html.index("high") < html.index("low")


def test_a_chart_of_nothing_yet():
    none = np.empty(0)
    assert points(curves.chart(("red",), none, {"a": ("A", none)}, 0, (0, "0"), (1, "1"))) == {"a": []}
