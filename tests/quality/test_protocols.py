"""Which figures may be compared."""

import pytest

from tfgan.errors import UserError
from tfgan.quality import protocols


def test_a_protocol_that_differs_in_several_ways():
    results = [{"run": run, "protocol": protocol} for run, protocol in (
        ("a", {"real": 5, "seed": 0, "size": "1"}), ("b", {"real": 5, "seed": 0, "size": "1"}),
        ("c", {"real": 6, "seed": 0, "classifier_accuracy": 0.5}),
    )]  # fmt: skip
    protocols.require_same(results[:2])
    words = "figures of a and c cannot be compared: classifier_accuracy is None and 0.5; real is 5 and 6; size is 1 and None; "
    with pytest.raises(UserError) as error:
        protocols.require_same(results)
    assert str(error.value) == f"{words}evaluate them separately"
