"""Choose the test images worth looking at: the worst mistakes, the least certain right answers, and confused classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SHOWN = 9
"""Images per strip."""
PAIRS, EXAMPLES = 5, 5
"""Pairs of classes, and images of each pair."""

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Answers:
    """A classifier's answers for N test images: calibrated probabilities (N, K), labels and predictions (N,)."""

    probabilities: Floats
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Where the prediction is not the label."""
        found: NDArray[np.bool_] = self.predicted != self.labels
        return found

    @property
    def confidence(self) -> Floats:
        """The probability of the prediction."""
        return self.of(self.predicted)

    def of(self, classes: NDArray[np.int64]) -> Floats:
        """Return the probability of one class per image."""
        found: Floats = self.probabilities[np.arange(len(classes)), classes]
        return found


@dataclass(frozen=True)
class Pair:
    """Images of the class `true` that were predicted as `predicted`: how many, and the most confident of them."""

    true: int
    predicted: int
    count: int
    places: Places


def strips(answers: Answers) -> dict[str, Places]:
    """Return the places of up to `SHOWN` images per strip, the most telling first.

    `highest_loss` has the images whose label got the lowest probability, right or wrong; `confident_mistakes` the wrong
    answers of highest confidence, `unsure_right` the right answers of lowest confidence.
    """
    wrong, confidence = answers.wrong, answers.confidence
    every = np.arange(len(wrong))
    return {
        "highest_loss": _first(every, answers.of(answers.labels)),
        "confident_mistakes": _first(every[wrong], -confidence[wrong]),
        "unsure_right": _first(every[~wrong], confidence[~wrong]),
    }


def confused(answers: Answers) -> list[Pair]:
    """Return the pairs of classes confused most often, each in one direction, with their most confident mistakes."""
    places = np.flatnonzero(answers.wrong)
    pairs, counts = np.unique(
        np.stack([answers.labels[places], answers.predicted[places]], 1), axis=0, return_counts=True
    )
    found = []
    for index in np.argsort(-counts, kind="stable")[:PAIRS].tolist():
        true, predicted = pairs[index].tolist()
        members = places[(answers.labels[places] == true) & (answers.predicted[places] == predicted)]
        chosen = _first(members, -answers.confidence[members])[:EXAMPLES]
        found.append(Pair(true, predicted, int(counts[index]), chosen))
    return found


def _first(places: Places, values: Floats) -> Places:
    """Return the places with the lowest values, lowest first."""
    found: Places = places[np.argsort(values, kind="stable")][:SHOWN]
    return found
