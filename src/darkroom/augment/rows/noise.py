"""Transforms that change copies of rows one by one."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from darkroom.augment.options import Amount
from darkroom.augment.rows.training import Floats, Labels, Training
from darkroom.registry import register
from darkroom.settings import NonNegative, Positive, Probability


@register("transform", "row_noise")
class RowNoise:
    """Add Gaussian noise to numbers, and redraw some categories from the training rows of the class."""

    TAKES = ("table",)

    def __init__(
        self,
        *,
        std: Annotated[
            NonNegative,
            Field(description="standard deviation of the noise, in units of the column's"),
            Amount("row_noise"),
        ] = 0.1,
        redraw: Annotated[
            Probability, Field(description="probability of redrawing a category"), Amount("redraw")
        ] = 0.05,
    ) -> None:
        self.std, self.redraw = std, redraw

    def change(self, given: Training, rows: Floats, labels: Labels, generator: np.random.Generator) -> Floats:
        """Return changed copies of rows (M, D) with these labels (M,)."""
        changed = rows.copy()
        changed[:, given.numeric] += self.std * generator.normal(size=(len(rows), len(given.numeric)))
        other = partners(given, labels, generator)
        for column in given.categorical:
            drawn = generator.random(len(rows)) < self.redraw
            changed[drawn, column] = given.rows[other[drawn], column]
        return changed


@register("transform", "row_mixup")
class RowMixUp:
    """Blend the numbers of a row with those of another training row of its class; categories come from either.

    MixUp in feature space (Zhang et al. 2017) within classes: labels stay as they are.
    """

    TAKES = ("table",)

    def __init__(
        self,
        *,
        alpha: Annotated[
            Positive, Field(description="both parameters of the Beta distribution of the proportion; 1 is uniform")
        ] = 0.4,
    ) -> None:
        self.alpha = alpha

    def change(self, given: Training, rows: Floats, labels: Labels, generator: np.random.Generator) -> Floats:
        """Return blended copies of rows (M, D) with these labels (M,)."""
        share = generator.beta(self.alpha, self.alpha, size=(len(rows), 1))
        other = given.rows[partners(given, labels, generator)]
        blended = share * rows + (1 - share) * other
        kept = generator.random(rows.shape) < share
        for column in given.categorical:
            blended[:, column] = np.where(kept[:, column], rows[:, column], other[:, column])
        return blended


def partners(given: Training, labels: Labels, generator: np.random.Generator) -> Labels:
    """Return for each label (M,) the index of a random training row of that class."""
    order = np.argsort(given.labels, kind="stable")
    sorted_labels = given.labels[order]
    first, last = (np.searchsorted(sorted_labels, labels, side=side) for side in ("left", "right"))
    found: Labels = order[first + (generator.random(len(labels)) * (last - first)).astype(np.int64)]
    return found
