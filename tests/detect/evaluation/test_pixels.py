from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy import ndimage
from sklearn import metrics

from darkroom.detect.evaluation.pixels import PixelCounts


def counted(maps: np.ndarray, masks: np.ndarray, resamples: int = 50) -> PixelCounts:
    counts = PixelCounts(len(maps), resamples=resamples, generator=np.random.default_rng(0))
    for values, mask in zip(maps.astype(np.float32), masks, strict=True):
        counts.add(values, mask)
    return counts


def made(images: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Maps that are larger, but not always, inside a square of every third image; their masks."""
    generator = np.random.default_rng(0)
    masks = np.zeros((images, 20, 20), bool)
    masks[::3, 5:9, 4:12] = True
    return (generator.gamma(2, 0.01, masks.shape) * (1 + 1.5 * masks)).astype(np.float32), masks


def test_agrees_with_sklearn_over_all_pixels() -> None:
    maps, masks = made()
    found = counted(maps, masks).metrics()
    assert found["auroc"]["value"] == pytest.approx(metrics.roc_auc_score(masks.ravel(), maps.ravel()), abs=5e-4)
    expected = metrics.average_precision_score(masks.ravel(), maps.ravel())
    assert found["average_precision"]["value"] == pytest.approx(expected, abs=2e-3)
    assert found["auroc"]["low"] < found["auroc"]["value"] < found["auroc"]["high"]


def test_intervals_are_over_images() -> None:
    maps, masks = made()
    fourfold = (np.tile(values, (1, 2, 2)) for values in (maps, masks))  # each pixel four times: no more evidence
    a, b = counted(maps, masks).metrics(), counted(*fourfold).metrics()
    for name in ("auroc", "average_precision", "best_iou"):
        assert a[name] == pytest.approx(b[name])


def test_resamples_are_drawn_with_replacement_image_by_image() -> None:
    """The images of each resample are as many as there are, and its number is that of the images repeated so often."""
    maps, masks = made(12)
    counts = PixelCounts(12, resamples=2000, generator=np.random.default_rng(0))
    drawn = []
    draw = counts._draw
    counts._draw = lambda: drawn.append(draw()) or drawn[-1]  # type: ignore[method-assign,func-returns-value]
    for values, mask in zip(maps, masks, strict=True):
        counts.add(values, mask)
    found = counts.metrics()
    weights = np.stack(drawn, axis=1)[1:].astype(int)
    assert (weights.sum(1) == 12).all()
    assert weights.mean(0) == pytest.approx(np.ones(12), abs=0.1)
    assert weights.var(0) == pytest.approx(np.full(12, 11 / 12), abs=0.15)
    areas = []
    for row in weights[:200]:
        again = counted(np.repeat(maps, row, 0), np.repeat(masks, row, 0), resamples=0)
        areas.append(again.metrics()["auroc"]["value"] if np.repeat(masks, row, 0).any() else np.nan)
    used = np.flatnonzero(counts.sums[:, 0].any(0))
    assert counts._metrics(slice(1, 201), used)["auroc"] == pytest.approx(areas, nan_ok=True)
    assert found["auroc"]["low"] < found["auroc"]["high"]


def test_memory_does_not_grow_with_the_images() -> None:
    maps, masks = made(100)
    peaks = []
    for times in (1, 10):
        counts = PixelCounts(len(maps) * times, resamples=20, generator=np.random.default_rng(0))
        tracemalloc.start()
        for _ in range(times):
            for values, mask in zip(maps, masks, strict=True):
                counts.add(values, mask)
        counts.metrics()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.02 * peaks[0]


def test_the_number_of_images_must_be_as_announced() -> None:
    maps, masks = made(3)
    counts = PixelCounts(4, resamples=5, generator=np.random.default_rng(0))
    for values, mask in zip(maps, masks, strict=True):
        counts.add(values, mask)
    with pytest.raises(ValueError, match="1 images fewer"):
        counts.metrics()
    counts.leave_out()
    assert counts.metrics()["auroc"]["value"] is not None
    with pytest.raises(ValueError, match="more images"):
        counts.leave_out()


def test_zero_and_huge_values_are_counted() -> None:
    counts = counted(np.array([[[0.0, 1e9]]]), np.array([[[False, True]]]))
    assert counts.metrics()["auroc"]["value"] == 1


def test_masks_of_one_kind_are_reported() -> None:
    found = counted(np.ones((1, 4, 4)), np.zeros((1, 4, 4), bool)).metrics()
    assert found == {"value": None, "reason": "no test image has a mask with anomalous pixels"}
    found = counted(np.ones((1, 4, 4)), np.ones((1, 4, 4), bool)).metrics()
    assert found == {"value": None, "reason": "the masks of the test images leave no pixel normal"}


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
    counts = counted(maps, masks)
    assert counts.regions[0] == 4
    found = counts.metrics()
    assert found["aupro"]["value"] == pytest.approx(plain_aupro(maps, masks), abs=2e-3)


def test_perfect_useless_and_inverted_maps() -> None:
    mask = np.zeros((20, 20), bool)
    mask[3:9, 3:9] = True
    wanted = {"perfect": (1.0, 1.0), "constant": (0.15, 36 / 400), "inverted": (0.0, 36 / 400)}
    for name, values in (("perfect", mask + 0.1), ("constant", np.ones(mask.shape)), ("inverted", 1.1 - mask)):
        found = counted(values[None], mask[None]).metrics()
        assert (found["aupro"]["value"], found["best_iou"]["value"]) == pytest.approx(wanted[name])


def test_best_iou_is_that_of_the_best_threshold() -> None:
    maps, masks = made(60)
    plain = max(
        ((maps >= t) & masks).sum() / ((maps >= t) | masks).sum() for t in np.quantile(maps, np.linspace(0, 1, 2000))
    )
    found = counted(maps, masks).metrics()
    assert found["best_iou"]["value"] == pytest.approx(plain, abs=2e-3)
