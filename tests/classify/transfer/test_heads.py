"""Heads on frozen features: they agree with scikit-learn, and choose without looking at what they are judged by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn import linear_model
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import NearestCentroid
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from darkroom import registry
from darkroom.classify.transfer.heads import examples as blocks
from darkroom.classify.transfer.heads.class_means import ClassMeans
from darkroom.classify.transfer.heads.examples import Examples
from darkroom.classify.transfer.heads.knn import Knn
from darkroom.classify.transfer.heads.linear import best_strength
from darkroom.classify.transfer.heads.logistic import Logistic, cross_entropy
from darkroom.classify.transfer.heads.ridge import Ridge
from darkroom.classify.transfer.heads.svm import Svm
from darkroom.nets.neighbors import Neighbors

Floats = NDArray[np.float32]


def made(count: int = 240, width: int = 12, *, spread: float = 1.0, seed: int = 0) -> Examples:
    """Three overlapping classes of features with unlike scales."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, count)
    values = random.normal(size=(count, width)) * spread + np.random.default_rng(9).normal(size=(3, width))[labels]
    values = (values * np.geomspace(0.1, 10, width) + 3).astype(np.float32)
    folds = torch.from_numpy(np.arange(count) % 5)
    return Examples(values, torch.from_numpy(labels), torch.ones(count), folds, 3)


def scores(head: torch.nn.Module, features: Floats) -> Floats:
    with torch.inference_mode():
        found: Floats = head(torch.from_numpy(features)).numpy()
    return found


@pytest.mark.parametrize("c", [0.003, 1.0])
def test_logistic_regression_agrees_with_scikit_learn(c: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 100)  # several blocks, the last one smaller
    given = made()
    scaled = StandardScaler().fit_transform(given.features)
    theirs = LogisticRegression(C=c, tol=1e-8, max_iter=5000).fit(scaled, given.labels)
    probabilities = torch.from_numpy(scores(Logistic(c=c).fit(given), given.features)).softmax(1)
    np.testing.assert_allclose(probabilities, theirs.predict_proba(scaled), atol=5e-4)


def test_sample_weights_count_as_in_scikit_learn() -> None:
    given = made()
    weights = torch.from_numpy(np.random.default_rng(1).uniform(0.1, 3, len(given))).float()
    weighted = Examples(given.features, given.labels, weights, given.folds, 3)
    scaled = StandardScaler().fit_transform(given.features)
    theirs = LogisticRegression(C=0.1, tol=1e-8, max_iter=5000).fit(scaled, given.labels, sample_weight=weights)
    probabilities = torch.from_numpy(scores(Logistic(c=0.1).fit(weighted), given.features)).softmax(1)
    np.testing.assert_allclose(probabilities, theirs.predict_proba(scaled), atol=5e-4)


def test_the_support_vector_machine_agrees_with_scikit_learn_up_to_its_scale() -> None:
    given = made()
    scaled = StandardScaler().fit_transform(given.features)
    theirs = LinearSVC(C=0.1, tol=1e-8, max_iter=100000).fit(scaled, given.labels).decision_function(scaled)
    ours = scores(Svm(c=0.1).fit(given), given.features)
    np.testing.assert_allclose(ours * (theirs.std() / ours.std()), theirs, atol=2e-3)


def test_class_means_agree_with_scikit_learn() -> None:
    given = made(spread=2.0)
    scaled = StandardScaler().fit_transform(given.features)
    theirs = NearestCentroid().fit(scaled, given.labels).predict(scaled)
    assert (scores(ClassMeans().fit(given), given.features).argmax(1) == theirs).all()


def test_a_class_without_examples_is_never_predicted() -> None:
    given = made()
    wider = Examples(given.features, given.labels, given.weights, given.folds, 4)
    assert (scores(ClassMeans().fit(wider), given.features).argmax(1) < 3).all()


def test_one_neighbor_is_the_nearest_and_the_bank_survives_saving() -> None:
    given = made(60)
    head = Knn(k=1).fit(given)
    assert (scores(head, given.features).argmax(1) == given.labels.numpy()).all()
    again = Neighbors(given.width, 3)
    again.load_state_dict(head.state_dict())
    assert np.array_equal(scores(head, given.features), scores(again, given.features))


def test_binary_logistic_regressions_agree_with_scikit_learn() -> None:
    given = made()
    several = np.stack([given.labels.numpy() > 0, given.features[:, 0] > given.features[:, 0].mean()], axis=1)
    labeled = replace(given, labels=torch.from_numpy(several).float(), classes=2)
    scaled = StandardScaler().fit_transform(given.features)
    theirs = OneVsRestClassifier(LogisticRegression(C=0.1, tol=1e-8, max_iter=5000)).fit(scaled, several)
    probabilities = torch.from_numpy(scores(Logistic(c=0.1).fit(labeled), given.features)).sigmoid()
    np.testing.assert_allclose(probabilities, theirs.predict_proba(scaled), atol=5e-4)


def test_ridge_regression_agrees_with_scikit_learn() -> None:
    given = made()
    noise = np.random.default_rng(2).normal(size=(240, 2))
    values = given.features[:, :2] @ np.array([[1.0, -2.0], [0.5, 0.1]]) + noise
    numbers = replace(given, labels=torch.from_numpy(values).float(), classes=2)
    scaled = StandardScaler().fit_transform(given.features)
    theirs = linear_model.Ridge(alpha=10).fit(scaled, values).predict(scaled)
    np.testing.assert_allclose(scores(Ridge(c=0.1).fit(numbers), given.features), theirs, atol=2e-3)
    best = scores(Ridge().fit(numbers), given.features)
    assert ((best - values) ** 2).mean() < 1.3


@pytest.mark.parametrize("name", [n for n, e in registry.entries("head").items() if "class" in e.constants["TARGETS"]])
def test_every_head_of_classes_has_calibrated_scores_and_repeats(name: str) -> None:
    given, other = made(spread=2.0), made(600, spread=2.0, seed=1)
    head = registry.build(registry.options("head", name)()).fit(given)
    again = registry.build(registry.options("head", name)()).fit(given)
    assert np.array_equal(scores(head, other.features), scores(again, other.features))
    logs = torch.from_numpy(scores(head, other.features)).log_softmax(1)
    losses = -logs[torch.arange(len(other)), other.labels]
    assert float(losses.mean()) < np.log(3)  # an overconfident head would be worse than none


def test_noise_is_regularized_more_than_signal() -> None:
    clear, noisy = made(spread=0.5), made(spread=20.0)
    strengths = [best_strength(each.standardized(), cross_entropy, penalize_bias=False)[0] for each in (clear, noisy)]
    assert strengths[0] > strengths[1]


def test_views_of_an_image_never_help_to_judge_it() -> None:
    """Copies of noise can only be learned by heart: with copies in other folds, weak regularization would look good."""
    random = np.random.default_rng(0)
    values = np.tile(random.normal(size=(60, 30)).astype(np.float32), (3, 1))
    labels = torch.from_numpy(np.tile(random.integers(0, 2, 60), 3))

    def chosen(folds: NDArray[np.int64]) -> float:
        given = Examples(values, labels, torch.ones(180), torch.from_numpy(folds), 2)
        return best_strength(given.standardized(), cross_entropy, penalize_bias=False)[0]

    assert chosen(np.tile(np.arange(60) % 5, 3)) < chosen(np.arange(180) // 60) / 10
