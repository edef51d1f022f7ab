"""The protocol of a measurement: all that its figures depend on besides the samples. Figures compare only under one protocol.

It names the data set, too, for the reader. What decides is the SHA-256 of its images: own pictures may have been renamed.
"""

import hashlib
import json

from tfgan.errors import UserError


def digest(protocol):
    """A short name of a protocol. Figures may be compared if their protocols have the same name."""
    deciding = {name: value for name, value in protocol.items() if name != "dataset"}
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:12]


def require_same(results):
    """Raises UserError unless all results have the same protocol. results: dicts with `run` and `protocol`."""
    first = results[0]
    for other in results[1:]:
        names = sorted(first["protocol"].keys() | other["protocol"].keys())
        a, b = first["protocol"], other["protocol"]
        differs = [f"{name} is {a.get(name)} and {b.get(name)}" for name in names if a.get(name) != b.get(name)]
        if digest(a) != digest(b):
            raise UserError(
                f"figures of {first['run']} and {other['run']} cannot be compared: {'; '.join(differs)}; evaluate them separately"
            )
