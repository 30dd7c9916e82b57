"""Trained models as one graph from decoded images to answers: preparation, network, views, calibration and thresholds.

Images are uint8 (B, h, w, C) of any one size. The answers by kind of model:

one class         `probabilities` (B, K), calibrated
several labels    `probabilities` (B, K), calibrated, and `present` (B, K)
numbers           `values` (B, M), in the units of the table
anomaly detector  `score` (B,), and, where known, `flagged` (B,) and `map` (B, H, W) at the prepared size
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.classify.answers import ClassAnswers, LabelAnswers, Merging, NumberAnswers
from darkroom.classify.links import softmax_logits
from darkroom.classify.trained import Trained
from darkroom.detect.detector import Detector
from darkroom.serve.export.intake import Intake


class Graph(nn.Module):
    """A model from decoded images to named answers."""

    outputs: tuple[str, ...]
    """The names of the answers, in order."""

    def __init__(self, intake: Intake) -> None:
        super().__init__()
        self.intake = intake


class ClassifierGraph(Graph):
    """A classifier, or a model of labels or numbers, with what its evaluation fitted."""

    def __init__(self, intake: Intake, trained: Trained, view: str) -> None:
        super().__init__(intake)
        self.network, self.looks = trained.network, trained.looks(view)
        self.answers = trained.answers(view)
        self.outputs = {ClassAnswers: ("probabilities",), LabelAnswers: ("probabilities", "present")}.get(
            type(self.answers), ("values",)
        )

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        plain = self.intake(images)
        outputs = torch.stack([self.network(look).float() for look in (plain, *self.looks(plain))], 1)
        answers = self.answers
        if isinstance(answers, ClassAnswers):
            return (_classes(outputs, answers),)
        if isinstance(answers, LabelAnswers):
            return _labels(outputs, answers)
        return (_numbers(outputs, answers),)


class DetectorGraph(Graph):
    """An anomaly detector; scores above the threshold are flagged."""

    def __init__(self, intake: Intake, detector: Detector, threshold: float | None) -> None:
        super().__init__(intake)
        self.detector, self.threshold = detector, threshold
        height, width = intake.size
        with torch.inference_mode():
            maps = detector.score(torch.zeros(1, intake.prepared, height, width)).maps
        self.outputs = (
            "score",
            *(() if threshold is None else ("flagged",)),
            *(() if maps is None else ("map",)),
        )

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        scores, maps = self.detector.score(self.intake(images))
        found: dict[str, Any] = {"score": scores.float(), "map": maps}
        if self.threshold is not None:
            found["flagged"] = found["score"] > self.threshold
        return tuple(found[name] for name in self.outputs)


def _classes(outputs: Tensor, answers: ClassAnswers) -> Tensor:
    """Return the calibrated probabilities (B, K) of outputs (B, V, K)."""
    logits = softmax_logits(outputs, answers.link)
    merged = logits[:, 0] if answers.merging is None else _merged(logits, answers.merging)
    return (merged / answers.temperature).softmax(1)


def _labels(outputs: Tensor, answers: LabelAnswers) -> tuple[Tensor, Tensor]:
    """Return the calibrated probability of each label (B, K), and whether it reaches its threshold."""
    logits = outputs[:, 0]
    if answers.merging is not None:
        both = _merged(torch.stack([torch.zeros_like(outputs), outputs], 3).transpose(1, 2), answers.merging, views=2)
        logits = both[..., 1] - both[..., 0]
    scaling = torch.tensor(answers.scaling, dtype=torch.float32)
    probabilities = (scaling[:, 0] * logits + scaling[:, 1]).sigmoid()
    return probabilities, probabilities >= torch.tensor(answers.thresholds, dtype=torch.float32)


def _numbers(outputs: Tensor, answers: NumberAnswers) -> Tensor:
    """Return the mean of the predictions (B, V, M) over the views, weighted if weights were learned."""
    if answers.merging is None:
        return outputs[:, 0]
    return (outputs * _weights(answers.merging, outputs.shape[1])[:, None]).sum(1)


def _merged(logits: Tensor, merging: Merging, *, views: int = 1) -> Tensor:
    """Merge the logits of the views along the dimension `views` into log-probabilities, as `classify.tta.merge` does."""
    each = F.log_softmax(logits, -1)
    if merging.how == "max":
        return F.log_softmax(each.amax(views), -1)
    if merging.how == "geometric_mean":
        return F.log_softmax(each.mean(views), -1)
    weights = _weights(merging, logits.shape[views]).log()
    return F.log_softmax((each + weights[:, None]).logsumexp(views), -1)


def _weights(merging: Merging, views: int) -> Tensor:
    if merging.weights is None:
        return torch.full((views,), 1 / views)
    return torch.tensor(merging.weights, dtype=torch.float32)
