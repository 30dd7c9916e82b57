"""Answers of a trained model, from its outputs (N, V, K) for V views of each image, as the cells of a table's rows.

The first view is the plain image. Everything here was fitted to validation images by `classify evaluate`, whose
metrics.json holds it, and gives the same values as its predictions.parquet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from darkroom.classify.calibration import log_softmax
from darkroom.classify.config import Merge
from darkroom.classify.links import class_logits
from darkroom.classify.tta import merge, merge_labels, merge_numbers
from darkroom.data.table import Columns

Floats = NDArray[np.float64]
Outputs = NDArray[np.float32]
DEFAULT_RISK = 0.05


@dataclass(frozen=True, eq=False)
class Merging:
    """How the views of test-time augmentation are merged; `weights` (V,) are the learned ones, if they are."""

    how: Merge
    weights: Floats | None

    @classmethod
    def read(cls, tta: Mapping[str, Any]) -> Merging:
        """Read it from an evaluation's description of its test-time augmentation."""
        weights = tta.get("weights")
        return cls(tta["merge"], None if weights is None else np.array([weights[name] for name in tta["looks"]]))


@dataclass(frozen=True, eq=False)
class ClassAnswers:
    """One class per image, from its calibrated probabilities."""

    classes: tuple[str, ...]
    link: str
    merging: Merging | None
    temperature: float = 1.0
    least_probability: float | None = None
    """Of a class in a prediction set; None without one."""
    least_confidence: float | None = None
    """The classifier is sure from this confidence on; None if it is unknown."""

    @property
    def columns(self) -> Columns:
        own: dict[str, Any] = {"prediction": "text", "confidence": "number", "sure": "flag", "set": "names"}
        return own | {f"p/{name}": "number" for name in self.classes}

    def probabilities(self, outputs: Outputs) -> tuple[Floats, Floats]:
        """Return the probability of each class (N, K), before and after calibration."""
        logits = class_logits(outputs, self.link)
        one = merge(logits, self.merging.how, self.merging.weights) if self.merging else logits[:, 0]
        return np.exp(log_softmax(one)), np.exp(log_softmax(one / self.temperature))

    def rows(self, outputs: Outputs) -> list[list[Any]]:
        """Return the cells of `columns` for each image; sets are ordered by probability."""
        raw, calibrated = self.probabilities(outputs)
        found = []
        for before, after in zip(raw, calibrated, strict=True):
            best, confidence = int(before.argmax()), float(after.max())
            sure = None if self.least_confidence is None else confidence >= self.least_confidence
            found.append([self.classes[best], confidence, sure, self._set(before, best), *after.tolist()])
        return found

    def _set(self, probabilities: Floats, best: int) -> list[str] | None:
        """Return the classes of a prediction set, always with the likeliest one; see `measure.conformal.class_sets`."""
        if self.least_probability is None:
            return None
        order = np.argsort(-probabilities, kind="stable")
        return [self.classes[k] for k in order if k == best or probabilities[k] >= self.least_probability]


@dataclass(frozen=True, eq=False)
class LabelAnswers:
    """Several labels per image: those whose calibrated probability reaches their threshold."""

    labels: tuple[str, ...]
    merging: Merging | None
    thresholds: Floats  # (K,)
    scaling: Floats  # (K, 2): slope and offset

    @classmethod
    def read(cls, labels: tuple[str, ...], merging: Merging | None, per_label: Mapping[str, Any]) -> LabelAnswers:
        """Read thresholds and scaling from an evaluation; without one, 0.5 and none."""
        untested: dict[str, Any] = {"threshold": 0.5, "calibration": {"slope": 1.0, "offset": 0.0}}
        found = [per_label[name] if per_label else untested for name in labels]
        scaling = np.array([[one["calibration"][key] for key in ("slope", "offset")] for one in found])
        return cls(labels, merging, np.array([one["threshold"] for one in found]), scaling)

    @property
    def columns(self) -> Columns:
        own: dict[str, Any] = {"prediction": "names"}
        return own | {f"p/{name}": "number" for name in self.labels}

    def probabilities(self, outputs: Outputs) -> Floats:
        """Return the calibrated probability of each label (N, K)."""
        merged = merge_labels(outputs, self.merging.how, self.merging.weights) if self.merging else outputs[:, 0]
        found: Floats = special.expit(self.scaling[:, 0] * merged.astype(np.float64) + self.scaling[:, 1])
        return found

    def rows(self, outputs: Outputs) -> list[list[Any]]:
        """Return the cells of `columns` for each image."""
        probabilities = self.probabilities(outputs)
        present = probabilities >= self.thresholds
        return [
            [[self.labels[k] for k in np.flatnonzero(here)], *values.tolist()]
            for here, values in zip(present, probabilities, strict=True)
        ]


@dataclass(frozen=True, eq=False)
class NumberAnswers:
    """Numbers in the units of the table, each with the interval of 90 % of images."""

    numbers: tuple[str, ...]
    merging: Merging | None
    half_widths: Floats | None  # (M,); None without an evaluation or with too few validation images

    @classmethod
    def read(cls, numbers: tuple[str, ...], merging: Merging | None, intervals: Mapping[str, Any]) -> NumberAnswers:
        """Read the half widths of the intervals from an evaluation."""
        widths = [intervals[name]["half_width"] if intervals else None for name in numbers]
        return cls(numbers, merging, None if None in widths else np.array(widths))

    @property
    def columns(self) -> Columns:
        return {f"{part}/{name}": "number" for name in self.numbers for part in ("prediction", "low", "high")}

    def values(self, outputs: Outputs) -> Floats:
        """Return the predicted numbers (N, M)."""
        if self.merging is None:
            return outputs[:, 0].astype(np.float64)
        return merge_numbers(outputs, self.merging.weights)

    def rows(self, outputs: Outputs) -> list[list[Any]]:
        """Return the cells of `columns` for each image."""
        values = self.values(outputs)
        if self.half_widths is None:
            return [[cell for value in row for cell in (value, None, None)] for row in values.tolist()]
        bounds = np.stack([values, values - self.half_widths, values + self.half_widths], 2)
        found: list[list[Any]] = bounds.reshape(len(values), -1).tolist()
        return found


def chosen_confidence(selection: Mapping[str, Any], risk: float | None) -> float | None:
    """Return the confidence from which on errors stay below a risk, as an evaluation chose it.

    Without a `risk` it is that of `DEFAULT_RISK`, or None if the validation images did not show any. Raises ValueError for a
    risk that was not measured, or not shown.
    """
    known = {float(limit): found["confidence"] for limit, found in selection["thresholds"].items()}
    wanted = DEFAULT_RISK if risk is None else risk
    if wanted not in known:
        choices = " or ".join(f"{limit:g}" for limit in sorted(known))
        raise ValueError(f"--risk is {wanted:g}; the evaluation looked for the confidence of {choices}")
    value: float | None = known[wanted]["value"]
    if value is None and risk is not None:
        raise ValueError(
            f"--risk: no confidence is known from which on errors stay below {100 * risk:g}%: {known[risk]['reason']}"
        )
    return value
