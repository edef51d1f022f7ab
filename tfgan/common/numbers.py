"""Numbers as people read them."""

_LARGE = 1e15  # from here on, digits without an exponent would say nothing


def number_text(value, digits=4):
    """A number as text, such as 0.5547, 12.35 or 60,000.

    A whole number has all its digits. Another one has this many digits, or more where it is large: 12345.6 is 12,346. Only
    numbers below 0.0001 and from 10^15 on have an exponent.
    """
    if isinstance(value, int):
        return f"{value:,}"
    if 10 ** (digits - 1) <= abs(value) < _LARGE:
        return f"{value:,.0f}"
    return f"{value:,.{digits}g}"
