from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from darkroom.detect.pixels import PixelCounts


def filled(images: int = 300) -> tuple[PixelCounts, np.ndarray, np.ndarray]:
    """Maps that are larger, but not always, inside a square of every third image."""
    generator = np.random.default_rng(0)
    masks = np.zeros((images, 20, 20), bool)
    masks[::3, 5:9, 4:12] = True
    maps = (generator.gamma(2, 0.01, masks.shape) * (1 + 1.5 * masks)).astype(np.float32)
    counts = PixelCounts()
    for values, mask in zip(maps, masks, strict=True):
        counts.add(values, mask)
    return counts, maps, masks


def test_agrees_with_sklearn_over_all_pixels() -> None:
    counts, maps, masks = filled()
    found = counts.metrics(resamples=50, generator=np.random.default_rng(0))
    assert found["auroc"]["value"] == pytest.approx(metrics.roc_auc_score(masks.ravel(), maps.ravel()), abs=5e-4)
    expected = metrics.average_precision_score(masks.ravel(), maps.ravel())
    assert found["average_precision"]["value"] == pytest.approx(expected, abs=2e-3)
    assert found["auroc"]["low"] < found["auroc"]["value"] < found["auroc"]["high"]


def test_intervals_are_over_images() -> None:
    counts, _, _ = filled()
    doubled = PixelCounts()
    for levels, pixels in counts.rows:  # each pixel four times: no more evidence
        doubled.rows.append((levels, pixels * 4))
    a, b = (c.metrics(resamples=50, generator=np.random.default_rng(0)) for c in (counts, doubled))
    assert a["auroc"] == pytest.approx(b["auroc"])


def test_zero_and_huge_values_are_counted() -> None:
    counts = PixelCounts()
    counts.add(np.array([[0.0, 1e9]], np.float32), np.array([[False, True]]))
    assert counts.metrics(resamples=5, generator=np.random.default_rng(0))["auroc"]["value"] == 1


def test_masks_without_anomalies_are_told() -> None:
    counts = PixelCounts()
    counts.add(np.ones((4, 4), np.float32), np.zeros((4, 4), bool))
    found = counts.metrics(resamples=5, generator=np.random.default_rng(0))
    assert found == {"value": None, "reason": "no test image has a mask with anomalous pixels"}
