"""What TensorBoard says of each chart."""

from tfgan.quality import measurements
from tfgan.training import charts


def test_each_chart_is_described_and_none_as_another():
    assert set(charts.TAGS.values()) <= set(charts.CHARTS)
    for part in ("title", "description"):
        words = [getattr(chart, part) for chart in charts.CHARTS.values()]
        assert all(words)
        assert len(set(words)) == len(words)
    for name, higher_is_better in measurements.HIGHER_IS_BETTER.items():
        assert ("lower is better" in charts.CHARTS[charts.TAGS[name]].description) != higher_is_better, name


def test_the_losses_of_a_d_that_guesses_are_stated():
    """2 ln 2, ln 2, and for ten classes 2 ln 10."""
    for tag, number in (("loss/d_loss", "1.39 (2 ln 2"), ("loss/g_loss", "0.69 (ln 2)"), ("loss/d_class_loss", "4.61 for ten")):
        assert number in charts.CHARTS[tag].description
