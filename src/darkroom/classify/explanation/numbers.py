"""One or several numbers per image: the largest errors in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.classify.explanation.mistakes import EXAMPLES, SEVERAL, SHOWN, Errors, Floats, Pair, Places, Shown, lowest

DIGITS = 4
"""Significant digits of the numbers on the map."""


@dataclass(frozen=True)
class NumberErrors:
    """A model's answers for N test images: true and predicted numbers (N, M), in the units of the table."""

    truth: Floats
    predicted: Floats

    @classmethod
    def read(cls, table: pd.DataFrame, outputs: int) -> NumberErrors:
        """Read the evaluation's predictions of a model."""
        truth, predicted = (
            table[[f"{name}_{m}" for m in range(outputs)]].to_numpy(np.float64) for name in ("true", "prediction_plain")
        )
        return cls(truth, predicted)

    @property
    def residuals(self) -> Floats:
        """Predicted minus true (N, M)."""
        found: Floats = self.predicted - self.truth
        return found

    @property
    def mistakes(self) -> None:
        """Numbers are never exact, so nothing is counted."""
        return

    def strips(self) -> dict[str, Shown]:
        """Return the images with the largest overestimates of number m in `over-m`, and underestimates in `under-m`."""
        found, count = {}, self.truth.shape[1]
        for m in range(min(count, SEVERAL)):
            residuals = self.residuals[:, m]
            for name, sign in (("over", 1), ("under", -1)):
                places = np.flatnonzero(sign * residuals > 0)
                chosen = lowest(places, -sign * residuals[places], most=SHOWN if count == 1 else EXAMPLES)
                found[f"{name}-{m}"] = Shown(chosen, np.full(len(chosen), m))
        return found

    def pairs(self) -> tuple[list[Pair], int]:
        """Return none: numbers are not mistaken for one another."""
        return [], 0

    def errors(self) -> list[Errors]:
        """Return the absolute errors of each number, by quarters of the number."""
        sizes = np.abs(self.residuals)
        return [Errors(sizes[:, m], quarters(self.truth[:, m]), m, sized=True) for m in range(sizes.shape[1])]

    def maps(self, shown: Shown) -> dict[str, tuple[Places, int]]:
        """Return what raises the number that an image is shown for, and what lowers it."""
        return {"raises": (shown.outputs, 1), "lowers": (shown.outputs, -1)}

    def item(self, place: int, output: int) -> dict[str, Any]:
        """Describe an image by the true and the predicted number that it is shown for."""
        true, predicted = self.truth[place, output], self.predicted[place, output]
        return {"of": output, "true": float(true), "predicted": float(predicted)}

    def points(self, places: Places) -> dict[str, Any]:
        """Return the predicted numbers."""
        return {"predicted": rounded(self.predicted[places])}


def quarters(values: NDArray[Any]) -> NDArray[np.int64]:
    """Return the quarter of all numbers (N,) that each one lies in, from 0; equal numbers share theirs."""
    found: NDArray[np.int64] = np.digitize(values, np.unique(np.quantile(values, [0.25, 0.5, 0.75]))).astype(np.int64)
    return found


def rounded(values: Floats) -> list[list[float]]:
    """Round numbers (N, M) for the map."""
    return [[float(f"{value:.{DIGITS}g}") for value in row] for row in values.tolist()]
