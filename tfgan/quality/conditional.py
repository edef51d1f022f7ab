"""Whether a conditional run's samples belong to the classes that they were asked for, and how good they are within each class."""

import numpy as np

from tfgan.quality import metrics

LEAST = 10  # the fewest images of a class, real and fake, that its distance and its diversity are measured with


class ClassFigures:
    """Measures samples class by class, as the features of a classifier show them.

    names: the classes of the run, which are those of the classifier. features: of real images, [N, d]. labels: their true
    classes, int [N], or None if they are not known; then only the agreement is measured.
    """

    def __init__(self, names, features, labels):
        self._names = tuple(names)
        self._real = None if labels is None else self._statistics(features, labels)

    def within(self, labels):
        """The names of the classes with at least `LEAST` real images and as many samples. labels: of the samples, int [N]."""
        if self._real is None:
            return []
        counts = np.bincount(labels, minlength=len(self._names))
        return [n for n, real, fakes in zip(self._names, self._real, counts, strict=True) if real and fakes >= LEAST]

    def measure(self, features, predictions, labels):
        """{name: figure}. features: of samples, [N, d]. labels: the classes that they were asked for, int [N]. predictions:
        those that the classifier sees in them, int [N].

        `class_agreement` is the share of samples that are seen as the class asked for: the GAN-test of Shmelkov et al. 2018,
        arXiv:1807.09499. `classes_seen` is {asked: {seen: number of samples}}. The Frechet distance within a class compares its
        samples with the real images of that class: the intra FID of Miyato and Koyama 2018, arXiv:1802.05637. Diversity is the
        spread of a class's samples divided by that of its real images; it is 1 for equal sets, and 0 for equal samples. Both are
        None for a class with fewer than `LEAST` images. The mean is taken of the other classes, and is missing if there is none.
        """
        figures = {"class_agreement": float((predictions == labels).mean()), "classes_seen": self._seen(predictions, labels)}
        if self._real is None:
            return figures
        pairs = zip(self._names, self._real, self._statistics(features, labels), strict=True)
        both = {name: (real, fake) if real and fake else None for name, real, fake in pairs}
        distances = {name: pair and metrics.frechet_distance(*pair) for name, pair in both.items()}
        if numbers := [distance for distance in distances.values() if distance is not None]:
            figures["mean_frechet_distance_within_classes"] = float(np.mean(numbers))
        figures["frechet_distance_within_classes"] = distances
        figures["diversity_within_classes"] = {name: pair and _diversity(*pair) for name, pair in both.items()}
        return figures

    def _seen(self, predictions, labels):
        counts = np.zeros([len(self._names)] * 2, int)
        np.add.at(counts, (labels, predictions), 1)
        return {name: dict(zip(self._names, row, strict=True)) for name, row in zip(self._names, counts.tolist(), strict=True)}

    def _statistics(self, features, labels):
        """For each class its features' mean and covariance, or None if there are too few."""
        parts = (features[labels == number] for number in range(len(self._names)))
        return [metrics.statistics(part) if len(part) >= LEAST else None for part in parts]


def _diversity(real, fake):
    """The ratio of two spreads, each the root of a covariance's trace; 1 where all real images are equal."""
    of_real, of_fake = (np.trace(covariance) for _, covariance in (real, fake))
    return float(np.sqrt(of_fake / of_real)) if of_real > 0 else 1.0
