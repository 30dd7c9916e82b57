"""Prediction sets and answers from a confidence on: set on the validation images, measured on the test images."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from darkroom.classify.evaluation import doubt

CLASSES = ("a", "b", "c", "d")


def drawn(images: int, *, skill: float, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Probabilities (images, 4) and labels drawn from them."""
    random = np.random.default_rng(seed)
    logits = skill * random.normal(size=(images, 4))
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return probabilities, (probabilities.cumsum(1) > random.random((images, 1))).argmax(1)


def how() -> doubt.Resampling:
    return {"resamples": 50, "generator": np.random.default_rng(0)}


def test_sets_report_coverage_and_size() -> None:
    held_out, true = drawn(4000, skill=2)
    probabilities, labels = drawn(8000, skill=2, seed=1)
    found = doubt.sets(held_out, true, probabilities, labels, CLASSES, **how())
    coverage, size = found["coverage"], found["size"]
    assert coverage["low"] < coverage["value"] < coverage["high"]
    assert coverage["value"] == pytest.approx(0.9, abs=0.015)
    assert found["expected"]["low"] < 0.9 < found["expected"]["high"]
    assert size["low"] < size["value"] < size["high"]
    assert sum(found["sizes"]) == 8000
    assert np.dot(found["sizes"], [1, 2, 3, 4]) / 8000 == pytest.approx(size["value"])
    assert list(found["per_class"]) == list(CLASSES)
    hits = sum(each["value"] * (labels == k).sum() for k, each in enumerate(found["per_class"].values()))
    assert hits / 8000 == pytest.approx(coverage["value"])


def test_too_few_validation_images_give_a_reason_in_place_of_sets() -> None:
    probabilities, labels = drawn(50, skill=2)
    for images in (0, 8):
        found = doubt.sets(probabilities[:images], labels[:images], probabilities, labels, CLASSES, **how())
        assert found["coverage"]["value"] is found["size"]["value"] is None
        assert f"{images} labeled validation images; 90% coverage takes at least 9" in found["coverage"]["reason"]


def test_errors_stay_below_the_limit_on_fresh_images() -> None:
    held_out, true = drawn(3000, skill=4)
    probabilities, labels = drawn(50_000, skill=4, seed=1)
    found = doubt.selection(held_out, true, probabilities, labels, resamples=2, generator=np.random.default_rng(0))
    assert list(found["thresholds"]) == ["0.01", "0.05"]
    for limit, each in found["thresholds"].items():
        assert each["errors"]["value"] < float(limit)
        assert 0.1 < each["coverage"]["value"] < 1
    assert len(found["curve"]["risk"]) == doubt.POINTS
    assert found["curve"]["risk"][-1] == pytest.approx((probabilities.argmax(1) != labels).mean())


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (0, "there are 0"),
        (200, "there are 200"),
        (450, "too many errors among the most confident"),
    ],
)
def test_what_keeps_a_confidence_from_being_chosen(images: int, words: str) -> None:
    held_out, true = drawn(images, skill=0.1)
    probabilities, labels = drawn(100, skill=0.1, seed=1)
    one_percent = doubt.selection(held_out, true, probabilities, labels, **how())["thresholds"]["0.01"]
    assert one_percent["confidence"]["value"] is one_percent["errors"]["value"] is None
    assert words in one_percent["errors"]["reason"]
