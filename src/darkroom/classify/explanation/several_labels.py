"""Several labels per image: those called where they are not, those missed, and labels that are mistaken together.

Two labels are mistaken together if it happens more often than their own mistakes explain. `confused` looks at the images that
have one label and lack the other: is the second called more often where the first is missed? `missed` looks at images with
both: is one missed more often where the other is? Fisher's exact test, one-sided, with Holm's correction for all pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.classify.explanation.conditions import LEVEL, fisher, holm
from darkroom.classify.explanation.mistakes import (
    EXAMPLES,
    PAIRS,
    SEVERAL,
    Errors,
    Floats,
    Pair,
    Places,
    Shown,
    lowest,
)

FEWEST_TOGETHER = 2
"""Images in which two labels must be mistaken together to be called a pair."""
SMALLEST = 1e-12

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class LabelMistakes:
    """A classifier's answers for N test images: calibrated probabilities, the labels that are there, and those called (N, K)."""

    probabilities: Floats
    truth: Flags
    called: Flags

    @classmethod
    def read(cls, table: pd.DataFrame, outputs: int) -> LabelMistakes:
        """Read the evaluation's predictions of a classifier."""

        def columns(name: str) -> NDArray[Any]:
            return table[[f"{name}_{k}" for k in range(outputs)]].to_numpy()

        return cls(
            columns("p_plain").astype(np.float64),
            columns("true").astype(bool),
            columns("prediction_plain").astype(bool),
        )

    @property
    def wrong(self) -> Flags:
        """Where a label is missed, or called where it is not (N, K)."""
        found: Flags = self.truth != self.called
        return found

    @property
    def mistakes(self) -> int:
        """The number of images with a wrong label."""
        return int(self.wrong.any(1).sum())

    def strips(self) -> dict[str, Shown]:
        """Return images by strip.

        `highest_loss` has the images of the highest negative log-likelihood, summed over labels, each for the label that adds
        most to it. For the labels with the most mistakes, `called-k` has the images without label k of the highest
        probability, of those for which it was called, and `missed-k` those with it of the lowest, of those that miss it.
        """
        losses = -np.log(np.maximum(np.where(self.truth, self.probabilities, 1 - self.probabilities), SMALLEST))
        worst = lowest(np.arange(len(losses)), -losses.sum(1))
        found = {"highest_loss": Shown(worst, losses.argmax(1)[worst])}
        for k in np.argsort(-self.wrong.sum(0), kind="stable")[:SEVERAL].tolist():
            for name, there, sign in (("called", False, -1), ("missed", True, 1)):
                places = np.flatnonzero(self.wrong[:, k] & (self.truth[:, k] == there))
                found[f"{name}-{k}"] = _of(k, lowest(places, sign * self.probabilities[places, k], most=EXAMPLES))
        return found

    def pairs(self) -> tuple[list[Pair], int]:
        """Return the pairs of labels that are clearly mistaken together, the least probable first."""
        missed, false = self.truth & ~self.called, ~self.truth & self.called
        with_, without = self.truth, ~self.truth
        labels = range(self.truth.shape[1])
        asked = [("confused", a, b) for a in labels for b in labels if a != b]
        asked += [("missed", a, b) for a in labels for b in labels if a < b]
        one, other = (np.array([pair[side] for pair in asked], np.int64) for side in (1, 2))
        counts = [
            (_together(missed, false), _together(with_, false), _together(missed, without), _together(with_, without)),
            (_together(missed, missed), _together(with_, missed), _together(missed, with_), _together(with_, with_)),
        ]
        kind = np.array([pair[0] == "missed" for pair in asked], np.int64)
        hits, second, first, total = (
            np.stack([table[part] for table in counts])[kind, one, other] for part in range(4)
        )
        p = np.ones(len(asked))
        often = np.flatnonzero(hits >= FEWEST_TOGETHER)  # few, where there are many labels
        if len(often):
            p[often] = fisher(hits[often], second[often], first[often], total[often])
        adjusted = holm(p)
        order = [index for index in np.argsort(adjusted, kind="stable").tolist() if adjusted[index] <= LEVEL]
        return [
            Pair(
                kind=asked[index][0],
                true=asked[index][1],
                predicted=asked[index][2],
                count=int(hits[index]),
                shown=self._both(*asked[index]),
                expected=float(second[index] * first[index] / total[index]),
                p=float(adjusted[index]),
            )
            for index in order[:PAIRS]
        ], len(asked)

    def errors(self) -> list[Errors]:
        """Return the images with a wrong label, by their set of labels, then those wrong in each label, with it and without."""
        sets = np.unique(self.truth, axis=0, return_inverse=True)[1].ravel().astype(np.int64)
        wrong = self.wrong.astype(np.float64)
        each = [Errors(wrong[:, k], self.truth[:, k].astype(np.int64), k) for k in range(wrong.shape[1])]
        return [Errors(wrong.max(1), sets), *each] if len(each) > 1 else each

    def maps(self, shown: Shown) -> dict[str, tuple[Places, int]]:
        """Return what speaks for the label that an image is shown for, and what speaks against it."""
        return {"for": (shown.outputs, 1), "against": (shown.outputs, -1)}

    def item(self, place: int, output: int) -> dict[str, Any]:
        """Describe an image by its labels, those called, and the probability of the label that it is shown for."""
        return {
            "labels": np.flatnonzero(self.truth[place]).tolist(),
            "called": np.flatnonzero(self.called[place]).tolist(),
            "of": output,
            "confidence": float(self.probabilities[place, output]),
        }

    def points(self, places: Places) -> dict[str, Any]:
        """Return the labels called."""
        return {"called": [np.flatnonzero(row).tolist() for row in self.called[places]]}

    def _both(self, kind: str, true: int, predicted: int) -> Shown:
        """Return the images that show a pair, for its second label where that is called and else for its first."""
        missed = self.truth[:, true] & ~self.called[:, true]
        if kind == "confused":
            places = np.flatnonzero(missed & ~self.truth[:, predicted] & self.called[:, predicted])
            return _of(predicted, lowest(places, -self.probabilities[places, predicted], most=EXAMPLES))
        places = np.flatnonzero(missed & self.truth[:, predicted] & ~self.called[:, predicted])
        return _of(true, lowest(places, self.probabilities[places, true], most=EXAMPLES))


def _of(output: int, places: Places) -> Shown:
    return Shown(places, np.full(len(places), output))


def _together(one: Flags, other: Flags) -> NDArray[np.int64]:
    """Count the images with both flags, for every pair of labels (K, K)."""
    found: NDArray[np.int64] = one.T.astype(np.int64) @ other.astype(np.int64)
    return found
