from __future__ import annotations

import numpy as np
import pytest

from darkroom.measure import distances
from darkroom.measure.manifold import manifold


def brute(real: np.ndarray, made: np.ndarray, k: int) -> tuple[float, float, float, float]:
    def radius(points: np.ndarray, i: int) -> float:
        return float(np.sort([np.linalg.norm(points[i] - other) for j, other in enumerate(points) if j != i])[k - 1])

    real_radii = [radius(real, i) for i in range(len(real))]
    made_radii = [radius(made, j) for j in range(len(made))]
    apart = [[float(np.linalg.norm(a - b)) for b in made] for a in real]
    rows, columns = range(len(real)), range(len(made))
    precision = np.mean([any(apart[i][j] <= real_radii[i] for i in rows) for j in columns])
    recall = np.mean([any(apart[i][j] <= made_radii[j] for j in columns) for i in rows])
    density = sum(apart[i][j] <= real_radii[i] for i in rows for j in columns) / (k * len(made))
    coverage = np.mean([any(apart[i][j] <= real_radii[i] for j in columns) for i in rows])
    return float(precision), float(recall), float(density), float(coverage)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_agrees_with_the_definitions_pair_by_pair(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distances, "CELLS", 150)
    generator = np.random.default_rng(k)
    real, made = generator.normal(size=(40, 3)), 0.7 + 0.8 * generator.normal(size=(31, 3))
    assert manifold(real, made, k=k, precision_k=k) == pytest.approx(brute(real, made, k))
    precision, recall, _, _ = brute(real, made, 2)
    assert manifold(real, made, k=k, precision_k=2)[:2] == pytest.approx((precision, recall))
    assert manifold(real, made, k=2, precision_k=k)[2:] == pytest.approx(brute(real, made, 2)[2:])


@pytest.mark.parametrize("k", [1, 3, 5])
def test_equal_distributions_reach_what_theory_says(k: int) -> None:
    generator = np.random.default_rng(0)
    found = [manifold(generator.normal(size=(800, 6)), generator.normal(size=(800, 6)), k=k) for _ in range(4)]
    assert np.mean([each.coverage for each in found]) == pytest.approx(1 - 2.0**-k, abs=0.015)
    assert np.mean([each.density for each in found]) == pytest.approx(1, abs=0.06)


def test_a_set_beside_itself_has_all_of_itself() -> None:
    real = np.random.default_rng(0).normal(size=(200, 50)).astype(np.float32) * 1e-3 + 1000  # far from the origin
    found = manifold(real, real[::-1])
    assert (found.precision, found.recall, found.coverage) == (1, 1, 1)
    assert found.density == pytest.approx(6 / 5)  # the ball of an image holds it and its k neighbors
    twins = np.repeat(real[:20], 10, axis=0)  # balls of radius 0
    assert manifold(twins, twins)[:2] == (1, 1)


def test_a_few_images_repeated_are_precise_and_cover_little() -> None:
    generator = np.random.default_rng(0)
    real = generator.normal(size=(500, 8))
    found = manifold(real, np.resize(real[:10], (500, 8)))
    assert found.precision == 1
    assert found.recall < 0.03
    assert found.coverage < 0.2


def test_what_lies_far_away_has_nothing() -> None:
    generator = np.random.default_rng(0)
    assert manifold(generator.normal(size=(50, 3)), 100 + generator.normal(size=(50, 3))) == (0, 0, 0, 0)


def test_each_measure_has_the_neighbors_of_its_paper() -> None:
    generator = np.random.default_rng(0)
    real, made = generator.normal(size=(60, 3)), 0.5 + generator.normal(size=(60, 3))
    precision, recall, _, _ = brute(real, made, 3)
    _, _, density, coverage = brute(real, made, 5)
    assert manifold(real, made) == pytest.approx((precision, recall, density, coverage))


def test_too_few_images_are_reported() -> None:
    with pytest.raises(ValueError, match="got 5 generated images; 5 nearest neighbors each need at least 6"):
        manifold(np.zeros((10, 2)), np.zeros((5, 2)))
