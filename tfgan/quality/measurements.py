"""The results of `tfgan.evaluate`: the names of their figures, how they are written, and which of them may be compared.

A result has a protocol: all that its figures depend on besides the samples. Figures compare only under one protocol. It names the
data set, too, for the reader. What decides is the SHA-256 of its images: own pictures may have been renamed.
"""

import contextlib
import hashlib
import json

from tfgan.common.numbers import number_text
from tfgan.errors import UserError

FORMAT = 3  # the version of the figures, and of how they are computed
FEATURE_KINDS = ("classifier", "imagenet", "inception", "random", "pixels")  # to compare samples with real images
HIGHER_IS_BETTER = {  # metric to choose the best checkpoint by -> whether higher is better
    "frechet_distance": False,
    "kernel_distance": False,
    "precision": True,
    "recall": True,
    "density": True,
    "coverage": True,
    "class_agreement": True,
    "mean_frechet_distance_within_classes": False,
}
OF_CLASSES = ("class_agreement", "mean_frechet_distance_within_classes")  # the metrics that only a conditional run has
_EACH_CLASS = {  # figure with a value for each class -> its name in a table, and what makes text of a value
    "class_shares": ("share of {}", "{:.1%}".format),
    "frechet_distance_within_classes": ("Frechet distance within {}", number_text),
    "diversity_within_classes": ("diversity within {}", "{:.2f}".format),
}


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


def read_all(run):
    """The results of `tfgan.evaluate` for a run, as dicts, by kind of features and iteration.

    Damaged ones are skipped, and those of versions that computed the figures in another way.
    """
    results = []
    for path in sorted((run.logs / "quality").glob("*/[0-9]*.json")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            result = json.loads(path.read_text())
            protocol = dict(result["protocol"])
            current = protocol.get("format", FORMAT) == FORMAT
            if current and isinstance(result["iteration"], int) and _are_figures(result["figures"]):
                results.append({**result, "protocol": protocol})
    return results


def _are_figures(figures):
    for name, value in figures.items():
        if name == "classes_seen":
            good = all(row.keys() == value.keys() and all(isinstance(n, int) for n in row.values()) for row in value.values())
        elif name in _EACH_CLASS:
            good = all(number is None or isinstance(number, int | float) for number in value.values())
        else:
            good = isinstance(value, int | float)
        if not good:
            return False
    return True


def figure_rows(figures):
    """{name in a table: text} of the figures of a result of `tfgan.evaluate`. Those with a value for each class come last."""
    numbers = {name: number_text(value) for name, value in figures.items() if not isinstance(value, dict)}
    return numbers | {
        words.format(name): "too few images" if value is None else text(value)
        for figure, (words, text) in _EACH_CLASS.items()
        for name, value in figures.get(figure, {}).items()
    }
