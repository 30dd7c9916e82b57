"""Metrics, calibration and thresholds of several labels per image."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special
from sklearn import linear_model
from sklearn import metrics as reference

from darkroom.classify.evaluation import label_metrics, platt, thresholds
from darkroom.classify.tta import fit_weights, merge, pairs

ONES = np.ones((1, 300))
Drawn = tuple[NDArray[np.float64], NDArray[np.bool_]]


@pytest.fixture
def answers() -> Drawn:
    """Probabilities and truth (300, 3) of a common, an uncommon and a rare label."""
    random = np.random.default_rng(0)
    logits = random.normal(size=(300, 3)) * 2 + np.array([0, -1, -3])
    return special.expit(logits + random.normal(size=(300, 3))), random.random((300, 3)) < special.expit(logits)


def first(found: dict[str, NDArray[np.float64]]) -> dict[str, float]:
    return {name: float(value[0]) for name, value in found.items()}


def test_metrics_are_those_of_scikit_learn(answers: Drawn) -> None:
    probabilities, truth = answers
    called = probabilities >= 0.4
    found = first(label_metrics.ranking(ONES, probabilities, truth))
    found |= first(label_metrics.decisions(ONES, called, truth))
    found |= first(label_metrics.likelihood(ONES, probabilities, truth))
    assert found["map"] == pytest.approx(reference.average_precision_score(truth, probabilities, average="macro"))
    assert found["macro_auroc"] == pytest.approx(reference.roc_auc_score(truth, probabilities, average="macro"))
    for k in range(3):
        assert found[f"auroc/{k}"] == pytest.approx(reference.roc_auc_score(truth[:, k], probabilities[:, k]))
    for average in ("micro", "macro"):
        scores = reference.precision_recall_fscore_support(truth, called, average=average)
        for name, value in zip(("precision", "recall", "f1"), scores, strict=False):
            assert found[f"{average}_{name}"] == pytest.approx(value)
    assert found["image_f1"] == pytest.approx(reference.f1_score(truth, called, average="samples", zero_division=1.0))
    losses = [reference.log_loss(truth[:, k], probabilities[:, k]) for k in range(3)]
    assert found["nll"] == pytest.approx(sum(losses))
    brier = [reference.brier_score_loss(truth[:, k], probabilities[:, k]) for k in range(3)]
    assert found["brier"] == pytest.approx(sum(brier))
    shares = label_metrics.shares(called, truth)
    assert shares["exact_match"]["value"] == pytest.approx(reference.accuracy_score(truth, called))
    assert shares["f1/1"]["value"] == pytest.approx(reference.f1_score(truth[:, 1], called[:, 1]))


def test_a_weighting_is_the_set_with_items_repeated(answers: Drawn) -> None:
    probabilities, truth = answers
    called = probabilities >= 0.4
    taken = np.random.default_rng(1).integers(0, 300, 300)
    weights = np.bincount(taken, minlength=300).astype(float)[None]
    for measure, values in (
        (label_metrics.ranking, probabilities),
        (label_metrics.decisions, called),
        (label_metrics.likelihood, probabilities),
    ):
        weighted, repeated = measure(weights, values, truth), measure(ONES, values[taken], truth[taken])
        for name, value in repeated.items():
            assert weighted[name][0] == pytest.approx(value[0]), name


def test_a_label_that_no_image_has_is_left_out(answers: Drawn) -> None:
    probabilities, truth = answers
    empty = truth & np.array([True, True, False])
    found = first(label_metrics.ranking(ONES, probabilities, empty))
    assert np.isnan(found["average_precision/2"])
    assert found["map"] == pytest.approx((found["average_precision/0"] + found["average_precision/1"]) / 2)
    shares = label_metrics.shares(probabilities >= 0.5, empty)
    assert shares["f1/2"] == {"value": None, "reason": label_metrics.NO_POSITIVE}
    assert shares["precision/2"]["value"] is shares["recall/2"]["value"] is None


def spoilt(images: int, *, slope: float = 3.0, offset: float = 2.0, seed: int = 0) -> Drawn:
    """Logits of a label that are too large and too high, with labels drawn from the right probabilities."""
    random = np.random.default_rng(seed)
    right = 1.5 * random.normal(size=images) - 1
    return slope * right + offset, random.random(images) < special.expit(right)


def test_platt_scaling_agrees_with_logistic_regression_and_undoes_slope_and_offset() -> None:
    logits, truth = spoilt(20_000)
    slope, offset = platt.fit(logits, truth)
    theirs = linear_model.LogisticRegression(C=np.inf).fit(logits[:, None], truth)
    assert (slope, offset) == pytest.approx((theirs.coef_[0, 0], theirs.intercept_[0]), rel=1e-3)
    assert (1 / slope, -offset / slope) == pytest.approx((3, 2), rel=0.05)
    found = platt.calibrate(logits, truth, generator=np.random.default_rng(0))
    assert (found.slope, found.offset) == pytest.approx((slope, offset), rel=0.02)
    assert found.gain is not None
    assert found.gain > 0


def test_few_images_or_positives_leave_the_probabilities_as_they_are() -> None:
    logits, truth = spoilt(400)
    rare = np.where(truth, np.cumsum(truth) <= 4, False)
    for given, labels in ((logits[:40], truth[:40]), (logits, rare), (logits[:0], truth[:0])):
        found = platt.calibrate(given, labels, generator=np.random.default_rng(0))
        assert (found.slope, found.offset, found.gain) == (1, 0, None)
        assert "not enough validation images" in found.note


def test_few_errors_shrink_the_scaling_of_a_label() -> None:
    logits, truth = spoilt(600)
    right = (logits > 0) == truth
    kept = np.flatnonzero(right).tolist() + np.flatnonzero(~right)[:6].tolist()
    slope, offset = platt.fit(logits[kept], truth[kept])
    shrunk = platt.shrunk(logits[kept], truth[kept])
    assert shrunk == pytest.approx((slope ** (6 / 16), offset * 6 / 16))


def test_what_is_calibrated_already_is_not_harmed() -> None:
    losses = []
    for seed in range(20):
        found = platt.calibrate(*spoilt(100, slope=1, offset=0, seed=seed), generator=np.random.default_rng(0))
        logits, truth = spoilt(2000, slope=1, offset=0, seed=100 + seed)
        losses.append(float((platt.nll(found.logits(logits), truth) - platt.nll(logits, truth)).mean()))
    assert np.mean(losses) < 0.01


def test_the_threshold_has_the_highest_f1_of_all_with_many_positives() -> None:
    random = np.random.default_rng(0)
    probabilities = random.random(30_000) ** 3
    truth = random.random(30_000) < probabilities
    found = thresholds.choose(truth, probabilities)
    grid = {t: reference.f1_score(truth, probabilities >= t) for t in np.linspace(0.1, 0.9, 41)}
    assert reference.f1_score(truth, probabilities >= found) > max(grid.values()) - 1e-3
    assert found == pytest.approx(max(grid, key=grid.__getitem__), abs=0.06)
    assert found < 0.45  # half of the best F1, for calibrated probabilities (Lipton et al. 2014)


def test_few_positives_shrink_the_threshold_and_fewer_leave_it() -> None:
    probabilities = np.linspace(0.01, 0.3, 100)
    for positives, weight in ((90, 0.9), (10, 0.5), (5, 1 / 3), (4, 0)):
        truth = np.arange(100) >= 100 - positives
        cut = (probabilities[100 - positives] + probabilities[99 - positives]) / 2
        found = thresholds.choose(truth, probabilities)
        assert found == pytest.approx(0.5 + weight * (cut - 0.5)), positives
    assert thresholds.choose_all(np.empty((0, 2), bool), np.empty((0, 2))).tolist() == [0.5, 0.5]


def test_views_of_labels_merge_as_probabilities() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 4, 3)).astype(np.float32)
    chances = special.expit(logits.astype(float))
    both = merge(pairs(logits), "mean")
    assert np.exp(both[:, 1]).reshape(5, 3) == pytest.approx(chances.mean(1))
    truth = np.random.default_rng(1).random((5, 3)) < 0.5
    assert fit_weights(pairs(logits), truth.ravel().astype(int)).sum() == pytest.approx(1)
