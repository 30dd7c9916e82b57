"""Detectors of rows score as scikit-learn's and the formulas of their papers do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.svm import OneClassSVM

from darkroom import registry
from darkroom.detect.detector import Detector, FitInputs
from darkroom.detect.methods.table.rows import RowDetector

SHAPE = (0, 0, 0, 3)
GENERATOR = np.random.default_rng(0)
NUMBERS = GENERATOR.normal(size=(400, 3)) ** 3 * [1, 10, 100]
ROWS = np.column_stack([NUMBERS, GENERATOR.integers(0, 3, 400)]).astype(np.float32)
ASKED = torch.from_numpy(ROWS[300:])


def fitted(name: str, **options: Any) -> RowDetector:
    detector = registry.load("detector", name)(SHAPE, **options)
    assert isinstance(detector, Detector)
    detector.fit(FitInputs(images=ROWS, train=np.arange(300), val=np.arange(300, 310), seed=3))
    return detector  # type: ignore[return-value]


def vectors(detector: RowDetector) -> tuple[Any, Any]:
    return detector.encode(torch.from_numpy(ROWS[:300])).double().numpy(), detector.encode(ASKED).double().numpy()


def test_the_k_th_distance_is_that_of_scikit_learn() -> None:
    detector = fitted("knn", scaling="range")
    train, asked = vectors(detector)
    assert train.min() == 0
    assert train.max() == 1
    wanted = NearestNeighbors(n_neighbors=5).fit(train).kneighbors(asked)[0][:, -1]
    np.testing.assert_allclose(detector.score(ASKED).scores, wanted, rtol=1e-4)


def test_the_local_outlier_factor_is_that_of_scikit_learn() -> None:
    detector = fitted("lof")
    train, asked = vectors(detector)
    wanted = -LocalOutlierFactor(20, novelty=True).fit(train).score_samples(asked)
    np.testing.assert_allclose(detector.score(ASKED).scores, wanted, rtol=1e-4)


def test_path_lengths_are_those_of_scikit_learn() -> None:
    detector = fitted("isolation_forest", trees=30, rows=64)
    train, asked = vectors(detector)
    model = IsolationForest(n_estimators=30, max_samples=64, random_state=3).fit(train.astype(np.float32))
    np.testing.assert_allclose(detector.score(ASKED).scores, -model.score_samples(asked.astype(np.float32)), rtol=1e-5)


def test_the_distance_to_the_boundary_is_that_of_scikit_learn() -> None:
    detector = fitted("one_class_svm", nu=0.2)
    train, asked = vectors(detector)
    wanted = -OneClassSVM(nu=0.2, gamma="scale").fit(train).decision_function(asked)
    np.testing.assert_allclose(detector.score(ASKED).scores, wanted, atol=1e-3)


def test_all_principal_components_are_the_mahalanobis_distance() -> None:
    detector = fitted("table_pca")
    train, asked = vectors(detector)
    inverse = np.linalg.pinv(np.cov(train.T), rcond=1e-6, hermitian=True)
    centered = asked - train.mean(0)
    wanted = np.einsum("ij,jk,ik->i", centered, inverse, centered)
    np.testing.assert_allclose(detector.score(ASKED).scores, wanted, rtol=1e-3)


@pytest.mark.parametrize("name", ["ecod", "copod"])
def test_tails_are_counts_of_training_rows(name: str) -> None:
    detector = fitted(name)
    train, asked = vectors(detector)
    total = np.zeros(len(asked))
    for column, values in zip(train.T, asked.T, strict=True):
        left = -np.log([((column <= value).sum() + 1) / 301 for value in values])
        right = -np.log([((column >= value).sum() + 1) / 301 for value in values])
        sign = np.sign(stats.skew(column)) if column.std() else 0
        skewed = left if sign < 0 else right if sign > 0 else left + right
        total += np.max([left, right, skewed], 0) if name == "ecod" else np.maximum(skewed, (left + right) / 2)
    np.testing.assert_allclose(detector.score(ASKED).scores, total, rtol=1e-5)


@pytest.mark.parametrize("name", ["knn", "lof", "isolation_forest", "one_class_svm", "table_pca", "ecod", "copod"])
def test_a_far_row_scores_highest_and_missing_cells_are_finite(name: str) -> None:
    detector = fitted(name)
    asked = ASKED[:5].clone()
    asked[0, :3] = torch.tensor([1e3, 1e4, 1e5])
    asked[1] = torch.nan
    asked[2, 3] = 3  # an unseen category
    scores = detector.score(asked).scores
    assert torch.isfinite(scores).all()
    assert int(scores[[0, 3, 4]].argmax()) == 0
