from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.special import logsumexp, softmax
from sklearn.datasets import load_digits

from darkroom import registry
from darkroom.data.store import open_store
from darkroom.detect import fit
from darkroom.detect.config import DetectorTraining, FitSpec
from darkroom.detect.detector import FitInputs
from darkroom.detect.methods.classifier import ClassifierDetector
from darkroom.fit.model import rebuild
from darkroom.log import silent
from darkroom.measure.ranking import auroc

DIGITS = (load_digits().images[:, :, :, None] * 15).astype(np.uint8)
LABELS = load_digits().target.astype(np.int64)
IMAGES = torch.from_numpy(DIGITS).permute(0, 3, 1, 2) / 255
NORMAL = np.flatnonzero(LABELS < 5)
TRAIN, VAL, TEST = NORMAL[:500], NORMAL[500:600], np.arange(1200, 1797)
TRAINING = DetectorTraining(epochs=12, precision="fp32")
SCORES = ["max_softmax", "energy", "mahalanobis"]


def build(**options: Any) -> ClassifierDetector:
    given = {"network": {"name": "resnet", "width": 8, "stages": 2}, **options}
    found: ClassifierDetector = registry.build(
        registry.options("detector", "classifier").model_validate(given), (1, 8, 8)
    )
    return found


def fitted(labels: np.ndarray = LABELS, **options: Any) -> ClassifierDetector:
    detector = build(**options)
    detector.fit(FitInputs(images=DIGITS, train=TRAIN, val=VAL, labels=labels, training=TRAINING, seed=0))
    return detector.eval()


@pytest.mark.training
@pytest.mark.parametrize("score", SCORES)
def test_other_digits_score_higher(score: str) -> None:
    scores = fitted(score=score).score(IMAGES[TEST]).scores.detach().numpy()
    assert auroc(LABELS[TEST] >= 5, scores) > 0.85


def test_scores_are_those_of_the_formulas() -> None:
    images = IMAGES[:20]
    detector = fitted(score="max_softmax")
    logits = detector.network(images).detach().double().numpy()
    found = detector.score(images).scores.detach().numpy()
    assert np.allclose(found, -np.log(softmax(logits, axis=1).max(1)))
    for temperature in (0.5, 3.0):
        detector = fitted(score="energy", temperature=temperature)
        expected = -temperature * logsumexp(logits / temperature, axis=1)
        assert np.allclose(detector.score(images).scores.detach().numpy(), expected)


@pytest.mark.training
def test_distances_agree_with_scipy() -> None:
    detector = fitted(score="mahalanobis")
    network: Any = detector.network
    known, probe = (network.features(IMAGES[rows]).detach().double().numpy() for rows in (TRAIN, TEST))
    means = np.stack([known[LABELS[TRAIN] == k].mean(0) for k in range(5)])
    covariance = np.cov(known - means[LABELS[TRAIN]], rowvar=False, ddof=0)
    ridge = 0.01 * covariance.trace() / len(covariance) * np.eye(len(covariance))
    expected = cdist(probe, means, "mahalanobis", VI=np.linalg.inv(covariance + ridge)).min(1)
    assert np.allclose(detector.score(IMAGES[TEST]).scores.detach().numpy(), expected, rtol=1e-4)


def test_what_is_trained_does_not_depend_on_how_it_is_scored() -> None:
    first, *others = ([*fitted(score=score).network.parameters()] for score in SCORES)
    for other in others:
        assert all(torch.equal(*pair) for pair in zip(first, other, strict=True))


def test_a_saved_detector_knows_its_classes(digits: Path, tmp_path: Path) -> None:
    options = {"name": "classifier", "score": "mahalanobis", "network": {"name": "mlp", "hidden": [8]}}
    normal = ("7", "3", "1")
    spec = FitSpec.model_validate({"detector": options, "training": {"epochs": 1}, "normal": normal, "seed": 0})
    fit.run(spec, data=digits, out=tmp_path / "model", log=silent)
    loaded = rebuild("detector", tmp_path / "model", (1, 8, 8))
    assert isinstance(loaded, ClassifierDetector)
    store = open_store(digits)
    assert [store.classes[k] for k in loaded.classes] == ["1", "3", "7"]
    assert loaded.network(IMAGES[:2]).shape == (2, 3)
    assert loaded.means.shape == (3, 8)


def test_anomalous_classes_are_not_seen(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    fit_detector = ClassifierDetector.fit

    def spy(self: Any, inputs: FitInputs) -> Any:
        assert inputs.labels is not None
        seen.append((inputs.train, inputs.val, inputs.labels))
        other = np.where((inputs.labels < 0)[:, None, None, None], 255, inputs.images).astype(np.uint8)  # of no effect
        return fit_detector(self, replace(inputs, images=[inputs.images, other][len(seen) - 1]))

    monkeypatch.setattr(ClassifierDetector, "fit", spy)
    given = {"detector": "classifier", "training": {"epochs": 1}, "normal": ("1", "2"), "seed": 0}
    for name in ("first", "second"):
        fit.run(FitSpec.model_validate(given), data=digits, out=tmp_path / name, log=silent)
    (train, val, labels), _ = seen
    store = open_store(digits)
    assert set(labels[train]) == set(labels[val]) == {store.label("1"), store.label("2")}
    assert (np.delete(labels, np.concatenate([train, val])) == -1).all()
    assert set(store.items["split"][train]) == {"train"}
    weights = [(tmp_path / name / "weights.pt").read_bytes() for name in ("first", "second")]
    assert weights[0] == weights[1]


def test_held_out_images_of_a_class_that_is_not_in_training_are_passed_over() -> None:
    labels = np.where(LABELS == 4, -2, LABELS)
    labels[VAL] = LABELS[VAL]
    train = TRAIN[labels[TRAIN] >= 0]
    detector = build()
    detector.fit(FitInputs(images=DIGITS, train=train, val=VAL, labels=labels, training=TRAINING, seed=0))
    assert detector.classes.tolist() == [0, 1, 2, 3]
    alone = build()
    alone.fit(FitInputs(images=DIGITS, train=train, val=VAL[:0], labels=labels, training=TRAINING, seed=0))
    assert all(torch.equal(*pair) for pair in zip(detector.parameters(), alone.parameters(), strict=True))


@pytest.mark.parametrize(("labels", "there"), [(np.zeros_like(LABELS), "got 1"), (None, "got 0")])
def test_one_class_is_not_enough(labels: np.ndarray | None, there: str) -> None:
    with pytest.raises(ValueError, match=rf"detect\.normal: .*{there}\. List several classes"):
        build().fit(FitInputs(images=DIGITS, train=TRAIN, val=VAL, labels=labels, training=TRAINING, seed=0))


def test_it_is_not_fitted_without_a_training_section() -> None:
    options = registry.options("detector", "classifier")()
    with pytest.raises(ValueError, match="needs a training section"):
        registry.build(options, (1, 8, 8)).fit(FitInputs(images=DIGITS, train=TRAIN, val=VAL, labels=LABELS, seed=0))
