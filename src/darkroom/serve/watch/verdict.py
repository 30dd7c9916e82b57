"""Compare new images with test images: every test, what it found, and which images are least like the test images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.measure.distances import squared_blocks
from darkroom.measure.proportion import difference_interval, wilson
from darkroom.report.words.text import plural
from darkroom.serve.watch import two_samples
from darkroom.serve.watch.images import Sample
from darkroom.serve.watch.two_samples import Floats, Tested

LEVEL = 0.05
"""Probability of an alarm, by any test, for images like the test images."""
FEWEST = 5
"""New images, and test images, below which nothing is compared."""
FEATURES, PREDICTIONS, FLAGGED = "features", "predictions", "flagged"
"""Names of the tests that are not of one value per image."""
NEIGHBOR = 5
"""An image is odd by the distance of its features to the test image with this rank, so that one odd test image hides none."""


@dataclass(frozen=True)
class Compared:
    """The tests by name, and numbers that say what changed."""

    reference: int
    new: int
    tests: dict[str, Tested]
    medians: dict[str, tuple[float, float]]
    """Of each value per image that was tested: among the test images and the new ones."""
    flagged: dict[str, dict[str, Any]] | None
    """The flagged share of `reference`, `new` and `change`, with intervals."""
    answers: dict[str, dict[str, Any]]
    """The share of each class or label, as `flagged`."""

    @property
    def clear(self) -> list[str]:
        """The tests that found a difference, the clearest first."""
        found = [name for name, test in self.tests.items() if test.adjusted <= LEVEL]
        return sorted(found, key=lambda name: (self.tests[name].adjusted, self.tests[name].p))

    @property
    def alike(self) -> bool:
        """Whether no test found a difference."""
        return not self.clear


def compared(reference: Sample, new: Sample, names: Sequence[str], generator: np.random.Generator) -> Compared:
    """Test whether new images are like the reference; `names` are those of the answers.

    Raises ValueError if there are too few images.
    """
    counts = len(reference.names), len(new.names)
    if min(counts) < FEWEST:
        what = "new" if counts[1] < FEWEST else "test"
        raise ValueError(f"got {plural(min(counts), f'readable {what} image')}; a comparison needs at least {FEWEST}")
    divided = two_samples.divisions(*counts, generator)
    statistics: dict[str, Floats] = {}
    if (features := _pooled(reference.seen.features, new.seen.features)) is not None:
        statistics[FEATURES] = two_samples.discrepancy(_standardized(features), divided)
    values = {name: np.concatenate(both) for name, both in _values(reference, new).items()}
    values = {name: each for name, each in values.items() if np.ptp(each) > 0}
    statistics |= {name: two_samples.kolmogorov_smirnov(each, divided) for name, each in values.items()}
    shares: dict[str, dict[str, Any]] = {}
    if (answers := _pooled(reference.seen.answers, new.seen.answers)) is not None:
        statistics[PREDICTIONS] = two_samples.chi_square(np.concatenate([answers, ~answers], 1), divided)
        shares = {name: _shares(answers[:, k], counts) for k, name in enumerate(names)}
    flagged = _pooled(reference.seen.flagged, new.seen.flagged)
    if flagged is not None:
        statistics[FLAGGED] = two_samples.share(flagged, divided)
    medians = {
        name: (float(np.median(each[: counts[0]])), float(np.median(each[counts[0] :])))
        for name, each in values.items()
    }
    of_flagged = None if flagged is None else _shares(flagged, counts)
    return Compared(*counts, two_samples.judged(statistics), medians, of_flagged, shares)


def oddness(reference: Sample, new: Sample) -> Floats:
    """Return how unlike the test images each new image is (N,): the distance of features, or without any the first score or
    else the number of attributes whose values no test image reaches."""
    features = _pooled(reference.seen.features, new.seen.features)
    if features is not None:
        standard, n = _standardized(features), len(reference.names)
        rank = min(NEIGHBOR, n) - 1
        blocks = squared_blocks(standard[n:], standard[:n])
        found: Floats = np.sqrt(np.concatenate([np.partition(each, rank, axis=1)[:, rank] for _, each in blocks]))
        return found
    for scores in new.seen.scores.values():
        return scores
    beyond = [(own < known.min()) | (own > known.max()) for known, own in _values(reference, new).values()]
    count: Floats = np.stack(beyond).sum(0).astype(np.float64)
    return count


def _values(reference: Sample, new: Sample) -> dict[str, tuple[Floats, Floats]]:
    """Return the values per image that both samples have."""
    known = reference.attributes | reference.seen.scores
    own = new.attributes | new.seen.scores
    return {name: (values, own[name]) for name, values in known.items() if name in own}


def _pooled(reference: NDArray[Any] | None, new: NDArray[Any] | None) -> NDArray[Any] | None:
    return None if reference is None or new is None else np.concatenate([reference, new])


def _standardized(features: NDArray[Any]) -> Floats:
    """Divide features (N, D) by their standard deviation over both samples, which no division changes."""
    spread = features.std(0, dtype=np.float64)
    found: Floats = features / np.where(spread > 0, spread, 1)
    return found


def _shares(of: NDArray[np.bool_], counts: tuple[int, int]) -> dict[str, Any]:
    first, second = int(of[: counts[0]].sum()), int(of[counts[0] :].sum())
    return {
        "reference": wilson(first, counts[0], reason=""),
        "new": wilson(second, counts[1], reason=""),
        "change": difference_interval(second, counts[1], first, counts[0]),
    }
