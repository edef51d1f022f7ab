"""The protocol of a measurement: all that its figures depend on besides the samples. Figures compare only under one protocol."""

import hashlib
import json

from tfgan.errors import UserError


def digest(protocol):
    """A short name of a protocol. Figures may be compared if their protocols have the same name."""
    return hashlib.sha256(json.dumps(protocol, sort_keys=True).encode()).hexdigest()[:12]


def require_same(results):
    """Raises UserError unless all results have the same protocol. results: dicts with `run` and `protocol`."""
    first = results[0]
    for other in results[1:]:
        names = sorted(first["protocol"].keys() | other["protocol"].keys())
        a, b = first["protocol"], other["protocol"]
        if differs := [f"{name} is {a.get(name)} and {b.get(name)}" for name in names if a.get(name) != b.get(name)]:
            raise UserError(
                f"figures of {first['run']} and {other['run']} cannot be compared: {'; '.join(differs)}; evaluate them separately"
            )
