from __future__ import annotations

import numpy as np
import pytest

from darkroom.measure import memorization
from darkroom.measure.memorization import near_copies, nearest, quantiles, threshold

GENERATOR = np.random.default_rng(0)


def images(count: int, generator: np.random.Generator = GENERATOR) -> np.ndarray:
    return generator.integers(0, 256, (count, 5, 4, 3), dtype=np.uint8)


@pytest.mark.parametrize("cells", [memorization.CELLS, 300])
def test_agrees_with_all_distances_in_blocks_too(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memorization, "CELLS", cells)
    made, training = images(23), images(90)
    a, b = (part.reshape(len(part), -1) / 255 for part in (made, training))
    every = np.linalg.norm(a[:, None] - b, axis=2)
    found = nearest(made, training, neighbors=7)
    assert (found.row == every.argmin(1)).all()
    assert np.allclose(found.distance, every.min(1), rtol=1e-12)
    assert np.allclose(found.ratio, every.min(1) / np.sort(every, axis=1)[:, :7].mean(1), rtol=1e-12)


def test_a_copy_is_at_no_distance_and_of_equals_the_first_is_reported() -> None:
    training = images(60)
    training[41] = training[17]
    found = nearest(training[[41, 3]], training)
    assert found.row.tolist() == [17, 3]
    assert found.distance.tolist() == [0, 0]
    assert found.ratio.tolist() == [0, 0]


def test_copies_only_and_training_images_fewer_than_neighbors() -> None:
    same = np.repeat(images(1), 4, axis=0)
    assert nearest(same, same).ratio.tolist() == [0] * 4
    assert nearest(images(2), same).ratio == pytest.approx([1, 1])


def test_learning_by_heart_is_seen_and_chance_is_not() -> None:
    generator = np.random.default_rng(1)
    ratios = generator.beta(40, 4, size=(2, 1000))
    found = near_copies(ratios[0], ratios[1], resamples=300, generator=np.random.default_rng(0))
    assert found["low"] <= memorization.EXPECTED <= found["high"]
    copied = ratios[0].copy()
    copied[:80] = 0.05
    found = near_copies(copied, ratios[1], resamples=300, generator=np.random.default_rng(0))
    assert found["value"] == pytest.approx(0.09, abs=0.01)
    assert found["low"] > 0.05
    assert threshold(ratios[1]) == quantiles(ratios[1])["q01"]


def test_images_of_another_size_are_reported() -> None:
    with pytest.raises(ValueError, match="of one size"):
        nearest(images(2), images(2)[:, :4])
