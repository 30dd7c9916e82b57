"""What a model sees in images: features, scores and answers, for its reference images and for new ones alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom import files
from darkroom.classify.answers import ClassAnswers, LabelAnswers, NumberAnswers
from darkroom.classify.trained import Trained, read_trained
from darkroom.data.preparation import Preparation, read_preparation
from darkroom.data.store import Store, needed
from darkroom.detect.detector import Detector, read_detector
from darkroom.detect.evaluation.threshold import read_operating_point
from darkroom.detect.items import is_anomalous, tested_rows
from darkroom.detect.methods.feature_detector import FeatureDetector
from darkroom.fit.batches import as_tensor
from darkroom.fit.model import intact_weights, parts, read_about, say_if_kept
from darkroom.nets.penultimate import outputs_and_features

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Seen:
    """What a model sees in N images; None is what it does not have. Rows that are not `finite` have no meaning."""

    finite: NDArray[np.bool_]  # (N,)
    features: NDArray[Any] | None  # (N, D)
    scores: dict[str, Floats]  # (N,) each
    """Out-of-distribution scores, an anomaly score, or predicted numbers."""
    answers: NDArray[Any] | None  # (N, K), the predicted class or labels
    flagged: NDArray[Any] | None  # (N,), out of distribution or anomalous

    @classmethod
    def joined(cls, batches: Sequence[Seen]) -> Seen:
        """Concatenate batches, of which there is at least one."""
        names = batches[0].scores
        return Seen(
            np.concatenate([each.finite for each in batches]),
            _joined([each.features for each in batches]),
            {name: np.concatenate([each.scores[name] for each in batches]) for name in names},
            _joined([each.answers for each in batches]),
            _joined([each.flagged for each in batches]),
        )

    def kept(self, rows: NDArray[np.bool_]) -> Seen:
        """Return what was seen in some of the images, a mask (N,)."""
        features, answers, flagged = (
            None if one is None else one[rows] for one in (self.features, self.answers, self.flagged)
        )
        scores = {name: values[rows] for name, values in self.scores.items()}
        return Seen(self.finite[rows], features, scores, answers, flagged)


def _joined(parts: Sequence[NDArray[Any] | None]) -> NDArray[Any] | None:
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if known else None


class Observer(ABC):
    """A model as a witness of images."""

    model: Path
    names: tuple[str, ...] = ()
    """Classes or labels of its answers."""
    flag = "out of distribution"
    """What a flagged image is."""

    @property
    def preparation(self) -> Preparation:
        """How the samples were prepared."""
        return read_preparation(self.model)

    @abstractmethod
    def see(self, images: NDArray[np.uint8]) -> Seen:
        """Look at prepared images (B, H, W, C)."""

    @abstractmethod
    def reference(self, store: Store) -> NDArray[np.int64]:
        """Return the rows of the test images that new ones should be like.

        Nothing was fitted to test images: not weights, not the choice of an epoch, not limits or thresholds. They are as new to
        the model as new images are, which makes the two exchangeable if they are alike.
        """


class ClassifierObserver(Observer):
    """A classifier, or a model of labels or numbers, with its evaluation."""

    def __init__(self, trained: Trained) -> None:
        self.trained, self.model = trained, trained.folder
        if "weights" not in trained.metrics:
            raise ValueError(f"the evaluation {trained.evaluation} is missing or did not finish; run classify evaluate")
        self.answers, self.unlike = trained.answers(), trained.unlike()
        if not isinstance(self.answers, NumberAnswers):
            self.names = trained.about.target.names

    @torch.inference_mode()
    def see(self, images: NDArray[np.uint8]) -> Seen:
        outputs, features = outputs_and_features(self.trained.network, as_tensor(images))
        logits = outputs.float().numpy()
        vectors = None if features is None else features.float().flatten(1).numpy()
        finite = np.isfinite(logits).all(1)
        if vectors is not None:
            finite &= np.isfinite(vectors).all(1)
            vectors = np.where(finite[:, None], vectors, 0)
        logits = np.where(finite[:, None], logits, 0)
        scores, answers, flagged = {}, None, None
        if self.unlike is not None:
            scores = self.unlike.scores(logits, vectors)
            flagged = self.unlike.flagged(scores) if np.isfinite([*self.unlike.limits.values()]).any() else None
        if isinstance(self.answers, ClassAnswers):
            best = self.answers.probabilities(logits[:, None])[0].argmax(1)
            answers = best[:, None] == np.arange(len(self.names))
        elif isinstance(self.answers, LabelAnswers):
            answers = self.answers.probabilities(logits[:, None]) >= self.answers.thresholds
        else:
            values = self.answers.values(logits[:, None])
            scores = {f"predicted {name}": values[:, m] for m, name in enumerate(self.answers.numbers)} | scores
        return Seen(finite, vectors, scores, answers, flagged)

    def reference(self, store: Store) -> NDArray[np.int64]:
        return needed(store, "test")


class DetectorObserver(Observer):
    """An anomaly detector with its threshold; its reference images are the normal ones."""

    flag = "anomalous"

    def __init__(self, detector: Detector, threshold: float, normal: tuple[str, ...], model: Path) -> None:
        self.detector, self.threshold, self.normal, self.model = detector, threshold, normal, model
        self.extractor = next((part for part in detector.modules() if isinstance(part, FeatureDetector)), None)

    @torch.inference_mode()
    def see(self, images: NDArray[np.uint8]) -> Seen:
        batch = as_tensor(images)
        features: Tensor | None = None if self.extractor is None else self.extractor.features(batch)
        own = isinstance(self.detector, FeatureDetector) and features is not None
        found = self.detector.compare(features, batch) if own else self.detector.score(batch)  # type: ignore[operator]
        scores = found.scores.double().numpy()
        finite = np.isfinite(scores)
        pooled = None if features is None else features.float().mean((2, 3)).numpy()
        if pooled is not None:
            finite &= np.isfinite(pooled).all(1)
            pooled = np.where(finite[:, None], pooled, 0)
        return Seen(finite, pooled, {"anomaly score": np.where(finite, scores, 0)}, None, scores > self.threshold)

    def reference(self, store: Store) -> NDArray[np.int64]:
        rows = tested_rows(store, self.normal)
        rows = rows[~is_anomalous(store, rows, self.normal)]
        if not len(rows):
            raise ValueError(f"{store.name} has no normal test images to compare with")
        return rows


def observer(folder: Path) -> Observer:
    """Return the model in the folder of a seed. Raises ValueError for generators, samples other than images, and models
    without an evaluation, and FileNotFoundError if there is no model."""
    model, evaluation = parts(folder)
    about = read_about(model)
    if about.kind not in ("network", "detector"):
        raise ValueError(f"--model: {folder} holds {about.what}; only classifiers and detectors can watch images")
    if about.samples != "image":
        raise ValueError(f"--model: {folder} takes {about.samples} samples; only models of images can watch")
    if about.kind == "network":
        return ClassifierObserver(read_trained(folder))
    point = read_operating_point(evaluation, intact_weights(model))
    say_if_kept(model)
    normal: list[Any] = files.read_json(evaluation / "metrics.json")["normal"]
    return DetectorObserver(read_detector(model), point.value, tuple(normal), model)
