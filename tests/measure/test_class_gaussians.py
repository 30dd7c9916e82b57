"""Mahalanobis distances to class means, against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import distance

from darkroom.measure import class_gaussians


def test_distances_are_those_of_scipy() -> None:
    draws = np.random.default_rng(0)
    labels = draws.integers(0, 3, 200)
    features = draws.normal(size=(200, 5)) @ draws.normal(size=(5, 5)) + 10 * draws.normal(size=(3, 5))[labels]
    found = class_gaussians.fit(features, labels)
    means = np.stack([features[labels == k].mean(0) for k in range(3)])
    covariance = np.cov((features - means[labels]).T, bias=True)
    covariance += class_gaussians.RIDGE * np.trace(covariance) / 5 * np.eye(5)
    inverse = np.linalg.inv(covariance)
    new = draws.normal(size=(20, 5)) * 10
    wanted = [min(distance.mahalanobis(one, mean, inverse) for mean in means) for one in new]
    np.testing.assert_allclose(found.distances(new), wanted, rtol=1e-9)
    assert found.distances(new[:0]).shape == (0,)


def test_features_that_are_always_zero_give_finite_distances() -> None:
    features = np.zeros((10, 4))
    features[:, 0] = np.arange(10)
    found = class_gaussians.fit(features, np.zeros(10, np.int64))
    assert np.isfinite(found.distances(features + 1)).all()


def test_no_features_are_refused() -> None:
    with pytest.raises(ValueError, match="no features"):
        class_gaussians.fit(np.empty((0, 3)), np.empty(0, np.int64))
