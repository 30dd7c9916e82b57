from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
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
    doubled.regions = counts.regions
    a, b = (c.metrics(resamples=50, generator=np.random.default_rng(0)) for c in (counts, doubled))
    for name in ("auroc", "aupro", "best_iou"):
        assert a[name] == pytest.approx(b[name])


def test_zero_and_huge_values_are_counted() -> None:
    counts = PixelCounts()
    counts.add(np.array([[0.0, 1e9]], np.float32), np.array([[False, True]]))
    assert counts.metrics(resamples=5, generator=np.random.default_rng(0))["auroc"]["value"] == 1


def test_masks_without_anomalies_are_told() -> None:
    counts = PixelCounts()
    counts.add(np.ones((4, 4), np.float32), np.zeros((4, 4), bool))
    found = counts.metrics(resamples=5, generator=np.random.default_rng(0))
    assert found == {"value": None, "reason": "no test image has a mask with anomalous pixels"}


def plain_aupro(maps: np.ndarray, masks: np.ndarray, limit: float = 0.3) -> float:
    """Threshold by threshold, region by region."""
    regions = []
    for index, mask in enumerate(masks):
        labels, found = ndimage.label(mask, structure=np.ones((3, 3)))
        regions += [maps[index][labels == region] for region in range(1, found + 1)]
    x, y = [0.0], [0.0]
    for threshold in np.unique(maps)[::-1]:
        x.append((maps[~masks] >= threshold).mean())
        y.append(np.mean([(region >= threshold).mean() for region in regions]))
    fine = np.linspace(0, limit, 20001)
    return float(np.trapezoid(np.interp(fine, x, y), fine) / limit)


def test_overlap_of_regions_agrees_with_a_plain_computation() -> None:
    """Regions of very different sizes, two of them touching at a corner."""
    generator = np.random.default_rng(1)
    masks = np.zeros((6, 16, 16), bool)
    masks[0, 2:4, 2:4] = masks[0, 4:12, 4:12] = masks[1, 0, 0] = masks[1, 10:, 10:] = masks[3, :, 5] = True
    maps = np.exp2(np.round(generator.normal(size=masks.shape) + masks, 1)).astype(np.float32)
    counts = PixelCounts()
    for values, mask in zip(maps, masks, strict=True):
        counts.add(values, mask)
    assert len(counts.regions) == 4
    found = counts.metrics(resamples=20, generator=np.random.default_rng(0))
    assert found["aupro"]["value"] == pytest.approx(plain_aupro(maps, masks), abs=2e-3)


def test_perfect_useless_and_inverted_maps() -> None:
    mask = np.zeros((20, 20), bool)
    mask[3:9, 3:9] = True
    wanted = {"perfect": (1.0, 1.0), "constant": (0.15, 36 / 400), "inverted": (0.0, 36 / 400)}
    for name, values in (("perfect", mask + 0.1), ("constant", np.ones(mask.shape)), ("inverted", 1.1 - mask)):
        counts = PixelCounts()
        counts.add(values.astype(np.float32), mask)
        found = counts.metrics(resamples=5, generator=np.random.default_rng(0))
        assert (found["aupro"]["value"], found["best_iou"]["value"]) == pytest.approx(wanted[name])


def test_best_iou_is_that_of_the_best_threshold() -> None:
    counts, maps, masks = filled(60)
    plain = max(
        ((maps >= t) & masks).sum() / ((maps >= t) | masks).sum() for t in np.quantile(maps, np.linspace(0, 1, 2000))
    )
    found = counts.metrics(resamples=5, generator=np.random.default_rng(0))
    assert found["best_iou"]["value"] == pytest.approx(plain, abs=2e-3)
