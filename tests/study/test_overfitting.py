"""Wrong labels, random features around the interpolation threshold, and which rises count."""

from __future__ import annotations

import numpy as np
import pytest

from darkroom.study.overfitting.experiment import corrupted, random_features, rises
from darkroom.study.training import digits, divide

STORE = digits()
PARTS = [divide(STORE, train=100, val=0, test=400, seed=seed) for seed in range(3)]


def test_the_share_of_wrong_labels_is_exact() -> None:
    rows = PARTS[0].train
    for share in (0.0, 0.2, 1.0):
        found = corrupted(STORE, rows, share, seed=0)
        assert (found != STORE.labels[rows]).mean() == pytest.approx(share)
        assert set(found) <= set(range(10))


def test_least_squares_peaks_where_features_meet_images() -> None:
    errors = {
        count: np.mean(
            [
                random_features(STORE, part, corrupted(STORE, part.train, 0.2, seed=s), count, seed=s)
                for s, part in enumerate(PARTS)
            ]
        )
        for count in (40, 100, 800)
    }
    assert errors[100] > errors[40] + 0.1
    assert errors[100] > errors[800] + 0.2


def test_a_rise_counts_only_if_it_is_clear() -> None:
    steady, unclear = np.array([0.2, 0.21, 0.19]), np.array([0.1, 0.4, 0.2])
    assert rises({2: steady, 4: steady + 0.1}) == [4]
    assert rises({2: steady, 4: unclear}) == []
    assert rises({2: steady, 4: steady - 0.1}) == []
