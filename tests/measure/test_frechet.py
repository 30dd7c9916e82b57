from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import linalg
from torchmetrics.image.fid import _compute_fid

from darkroom.measure.frechet import frechet_distance

GENERATOR = np.random.default_rng(0)


def test_one_coordinate_worked_by_hand() -> None:
    # means 0 and 3; variances 2 and 8 (of -1, 1 and of 1, 5): 9 + (√8 - √2)² = 9 + 2
    found = frechet_distance(np.array([[-1.0], [1.0]]), np.array([[1.0], [5.0]]))
    assert found == pytest.approx(11)


def test_two_coordinates_whose_covariances_do_not_commute() -> None:
    # C1 = diag(1, 4) and C2 = [[2, 1], [1, 2]]; with P = C1 C2, tr P^½ = √(tr P + 2 √det P) = √(10 + 2 √12)
    whitened = GENERATOR.normal(size=(400, 2))
    whitened = (whitened - whitened.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(whitened.T))).T
    x = whitened * np.array([1.0, 2.0])
    y = whitened @ np.linalg.cholesky(np.array([[2.0, 1.0], [1.0, 2.0]])).T + np.array([1.0, -2.0])
    assert frechet_distance(x, y) == pytest.approx(5 + 5 + 4 - 2 * np.sqrt(10 + 2 * np.sqrt(12)))


@pytest.mark.parametrize(("n", "m", "d"), [(300, 200, 8), (40, 30, 60), (30, 90, 60)], ids=str)
def test_agrees_with_the_root_of_a_matrix_and_with_torchmetrics(n: int, m: int, d: int) -> None:
    x, y = GENERATOR.normal(size=(n, d)), 0.3 + GENERATOR.normal(size=(m, d)) @ GENERATOR.normal(size=(d, d)) / d
    c1, c2 = np.cov(x.T), np.cov(y.T)
    root = linalg.sqrtm(c1)
    common = np.sqrt(np.maximum(0, np.linalg.eigvalsh(root.real @ c2 @ root.real))).sum()
    expected = np.square(x.mean(0) - y.mean(0)).sum() + np.trace(c1) + np.trace(c2) - 2 * common
    found = frechet_distance(x, y)
    assert found == pytest.approx(expected, rel=1e-5)
    peer = _compute_fid(*(torch.from_numpy(part) for part in (x.mean(0), c1, y.mean(0), c2)))
    assert found == pytest.approx(peer.item(), rel=1e-5)


def test_a_set_is_at_no_distance_from_itself_however_few_its_images() -> None:
    x = GENERATOR.normal(size=(10, 100)).astype(np.float32)
    assert frechet_distance(x, x[::-1]) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, x + 1) == pytest.approx(100, rel=1e-5)


def test_what_has_no_distance_is_reported() -> None:
    with pytest.raises(ValueError, match="at least two images, got 1 and 5"):
        frechet_distance(np.zeros((1, 3)), np.zeros((5, 3)))
    with pytest.raises(ValueError, match=r"got \(4, 3\) and \(4, 2\)"):
        frechet_distance(np.zeros((4, 3)), np.zeros((4, 2)))
    with pytest.raises(ValueError, match="1 of 4 vectors of the second set are not finite"):
        frechet_distance(np.zeros((4, 2)), np.array([[0, 0], [0, np.nan], [0, 0], [0, 0]]))
