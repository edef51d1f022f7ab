"""How numbers are written: exponents only where nothing else can be read."""

import pytest

from tfgan.common.numbers import number_text


@pytest.mark.parametrize(("value", "text"), [
    (60_000, "60,000"), (7, "7"), (0, "0"), (-1234, "-1,234"), (10**18, "1,000,000,000,000,000,000"),
    (60_000.0, "60,000"), (12_345.6, "12,346"), (1234.5678, "1,235"), (999.96, "1,000"), (9999.97, "10,000"), (999.94, "999.9"),
    (11.9912, "11.99"), (0.123456, "0.1235"), (1.0, "1"), (0.00012345, "0.0001234"), (0.0, "0"), (-54_321.0, "-54,321"),
    (2.2e-5, "2.2e-05"), (1.4e-16, "1.4e-16"), (123_456_789.0, "123,456,789"), (1e15, "1e+15"), (-2e30, "-2e+30"),
    (float("nan"), "nan"), (float("inf"), "inf"), (float("-inf"), "-inf"),
])  # fmt: skip
def test_numbers(value, text):
    assert number_text(value) == text


@pytest.mark.parametrize(("value", "text"), [(12_345.6, "12,346"), (1234.5678, "1,234.6"), (0.123456, "0.12346"), (5, "5")])
def test_more_digits(value, text):
    assert number_text(value, digits=5) == text
