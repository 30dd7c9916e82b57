"""Metrics agree with scikit-learn, calibration repairs what was spoilt, and every weighting is a resample."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from darkroom.classify.calibration import fit_temperature, log_softmax, reliability
from darkroom.classify.metrics import confusion, scores, share_intervals


@pytest.fixture
def answers() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, 300)
    logits = 2.0 * np.eye(4)[labels] + random.normal(size=(300, 4))
    return np.exp(log_softmax(logits)), labels


def test_metrics_are_those_of_scikit_learn(answers: tuple[np.ndarray, np.ndarray]) -> None:
    probabilities, labels = answers
    predicted = probabilities.argmax(1)
    found = {name: float(value[0]) for name, value in scores(np.ones((1, 300)), probabilities, labels).items()}
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(labels, predicted))
    assert found["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(labels, predicted))
    precision, recall, f1, _ = reference.precision_recall_fscore_support(labels, predicted)
    for k in range(4):
        assert found[f"precision/{k}"] == pytest.approx(precision[k])
        assert found[f"recall/{k}"] == pytest.approx(recall[k])
        assert found[f"f1/{k}"] == pytest.approx(f1[k])
    assert found["macro_f1"] == pytest.approx(f1.mean())
    assert found["macro_auroc"] == pytest.approx(reference.roc_auc_score(labels, probabilities, multi_class="ovr"))
    assert found["nll"] == pytest.approx(reference.log_loss(labels, probabilities))
    assert found["brier"] == pytest.approx(((probabilities - np.eye(4)[labels]) ** 2).sum(1).mean())


def test_a_weighting_is_the_set_with_items_repeated(answers: tuple[np.ndarray, np.ndarray]) -> None:
    probabilities, labels = answers
    taken = np.random.default_rng(1).integers(0, 300, 300)
    weights = np.bincount(taken, minlength=300).astype(float)[None]
    weighted = scores(weights, probabilities, labels)
    repeated = scores(np.ones((1, 300)), probabilities[taken], labels[taken])
    for name, value in repeated.items():
        assert weighted[name][0] == pytest.approx(value[0]), name


def test_a_class_without_items_is_left_out_of_the_means() -> None:
    probabilities = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]])
    found = scores(np.ones((1, 2)), probabilities, np.array([0, 1]))
    assert found["balanced_accuracy"][0] == found["macro_auroc"][0] == found["macro_f1"][0] == 1
    assert all(np.isnan(found[f"{part}/2"][0]) for part in ("precision", "recall", "f1"))


def test_temperature_undoes_a_known_one_and_never_changes_the_answer() -> None:
    random = np.random.default_rng(2)
    logits = random.normal(size=(20_000, 3)) * 2
    labels = np.array([random.choice(3, p=p) for p in np.exp(log_softmax(logits))])
    spoilt = logits * 4
    temperature = fit_temperature(spoilt, labels)
    assert temperature == pytest.approx(4, rel=0.05)
    before, after = np.exp(log_softmax(spoilt)), np.exp(log_softmax(spoilt / temperature))
    ones = np.ones((1, len(labels)))
    assert scores(ones, after, labels)["ece"][0] < 0.25 * scores(ones, before, labels)["ece"][0]
    assert np.array_equal(before.argmax(1), after.argmax(1))


def test_without_validation_items_the_temperature_is_one() -> None:
    assert fit_temperature(np.empty((0, 3)), np.empty(0, np.int64)) == 1


def test_reliability_counts_every_item_once(answers: tuple[np.ndarray, np.ndarray]) -> None:
    probabilities, labels = answers
    confidence, right, counts = reliability(probabilities, labels)
    assert counts.sum() == 300
    filled = counts > 0
    assert np.average(right[filled], weights=counts[filled]) == pytest.approx(
        (probabilities.argmax(1) == labels).mean()
    )
    assert np.average(confidence[filled], weights=counts[filled]) == pytest.approx(probabilities.max(1).mean())


def test_confusion_has_true_classes_as_rows() -> None:
    assert confusion(np.array([1, 1, 0]), np.array([0, 1, 0]), 2).tolist() == [[1, 1], [0, 1]]


def test_shares_of_a_perfect_classifier_have_a_width() -> None:
    counts = np.diag([50, 20, 30])
    found = share_intervals(counts)
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "precision/0", "recall/2", "f1/1"):
        assert found[name]["low"] < found[name]["value"] == found[name]["high"] == 1, name


def test_share_intervals_are_around_the_scores() -> None:
    random = np.random.default_rng(0)
    labels, probabilities = random.integers(0, 4, 200), random.dirichlet([1, 1, 1, 1], 200)
    found, values = (
        share_intervals(confusion(probabilities.argmax(1), labels, 5)),
        scores(np.ones((1, 200)), np.pad(probabilities, ((0, 0), (0, 1))), labels),
    )
    assert "recall/4" not in found  # a class without items
    for name, share in found.items():
        assert share["value"] == pytest.approx(float(values[name][0])), name
        assert share["low"] <= share["value"] <= share["high"]
