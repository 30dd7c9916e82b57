"""One class per image: the worst mistakes, the least certain right answers, and confused classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.classify.explanation.mistakes import EXAMPLES, PAIRS, Errors, Floats, Pair, Places, Shown, lowest


@dataclass(frozen=True)
class ClassMistakes:
    """A classifier's answers for N test images: calibrated probabilities (N, K), labels and predictions (N,)."""

    probabilities: Floats
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]

    @classmethod
    def read(cls, table: pd.DataFrame, outputs: int) -> ClassMistakes:
        """Read the evaluation's predictions of a classifier."""
        probabilities = table[[f"p_plain_{k}" for k in range(outputs)]].to_numpy(np.float64)
        return cls(probabilities, table["label"].to_numpy(np.int64), table["prediction_plain"].to_numpy(np.int64))

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Where the prediction is not the label."""
        found: NDArray[np.bool_] = self.predicted != self.labels
        return found

    @property
    def mistakes(self) -> int:
        """The number of wrong predictions."""
        return int(self.wrong.sum())

    @property
    def confidence(self) -> Floats:
        """The probability of the prediction."""
        return self.of(self.predicted)

    def of(self, classes: NDArray[np.int64]) -> Floats:
        """Return the probability of one class per image."""
        found: Floats = self.probabilities[np.arange(len(classes)), classes]
        return found

    def strips(self) -> dict[str, Shown]:
        """Return images by strip, for their prediction.

        `highest_loss` has the images whose label got the lowest probability, right or wrong; `confident_mistakes` the wrong
        answers of highest confidence, `unsure_right` the right answers of lowest confidence.
        """
        wrong, confidence = self.wrong, self.confidence
        every = np.arange(len(wrong))
        found = {
            "highest_loss": lowest(every, self.of(self.labels)),
            "confident_mistakes": lowest(every[wrong], -confidence[wrong]),
            "unsure_right": lowest(every[~wrong], confidence[~wrong]),
        }
        return {name: self._shown(places) for name, places in found.items()}

    def pairs(self) -> tuple[list[Pair], int]:
        """Return the pairs of classes confused most often, each in one direction, with their most confident mistakes."""
        places = np.flatnonzero(self.wrong)
        pairs, counts = np.unique(
            np.stack([self.labels[places], self.predicted[places]], 1), axis=0, return_counts=True
        )
        found = []
        for index in np.argsort(-counts, kind="stable")[:PAIRS].tolist():
            true, predicted = pairs[index].tolist()
            members = places[(self.labels[places] == true) & (self.predicted[places] == predicted)]
            chosen = lowest(members, -self.confidence[members], most=EXAMPLES)
            found.append(Pair("confused", true, predicted, int(counts[index]), self._shown(chosen)))
        return found, 0

    def errors(self) -> list[Errors]:
        """Return the wrong predictions, by class."""
        return [Errors(self.wrong.astype(np.float64), self.labels)]

    def maps(self, shown: Shown) -> dict[str, tuple[Places, int]]:
        """Return the class predicted and its rival: the label or, where the prediction is right, the class that came second."""
        return {"prediction": (shown.outputs, 1), "rival": (self._rivals()[shown.places], 1)}

    def item(self, place: int, output: int) -> dict[str, Any]:
        """Describe an image by its label, and the prediction and its rival with their probabilities."""
        rival = int(self._rivals()[place])
        return {
            "label": int(self.labels[place]),
            "predicted": int(self.predicted[place]),
            "confidence": float(self.confidence[place]),
            "rival": rival,
            "rival_confidence": float(self.probabilities[place, rival]),
        }

    def points(self, places: Places) -> dict[str, Any]:
        """Return predictions and confidences."""
        confidence = [round(value, 3) for value in self.confidence[places].tolist()]
        return {"predicted": self.predicted[places].tolist(), "confidence": confidence}

    def _shown(self, places: Places) -> Shown:
        return Shown(places, self.predicted[places])

    def _rivals(self) -> NDArray[np.int64]:
        others = self.probabilities.copy()
        np.put_along_axis(others, self.predicted[:, None], -1, axis=1)
        return np.where(self.wrong, self.labels, others.argmax(1))
