from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from darkroom.detect.detector import FitInputs
from darkroom.detect.methods.mahalanobis import Mahalanobis

GENERATOR = np.random.default_rng(0)
NOISE = GENERATOR.integers(0, 256, (300, 4, 5, 2), dtype=np.uint8)
NONE = np.arange(0)


def fit(images: np.ndarray, components: int, ridge: float) -> Mahalanobis:
    _, height, width, channels = images.shape
    detector = Mahalanobis((channels, height, width), components=components, ridge=ridge)
    detector.fit(FitInputs(images=images, train=np.arange(len(images)), val=NONE, seed=0))
    return detector


def as_tensor(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2) / 255


def test_all_components_without_ridge_give_the_distance_by_the_covariance_matrix() -> None:
    detector = fit(NOISE, 40, ridge=0.0)
    images = as_tensor(GENERATOR.integers(0, 256, (9, 4, 5, 2), dtype=np.uint8))
    normal, given = (x.flatten(1).double().numpy() for x in (as_tensor(NOISE), images))
    off = given - normal.mean(0)
    expected = np.sqrt(np.einsum("bi,ij,bj->b", off, np.linalg.inv(np.cov(normal.T)), off))
    scores, maps = detector.score(images)
    assert np.allclose(scores.numpy(), expected, rtol=1e-4)
    assert maps is None


def test_the_ridge_is_a_share_of_the_mean_variance_of_what_is_kept() -> None:
    detector = fit(NOISE, 7, ridge=0.3)
    normal = as_tensor(NOISE).flatten(1).double().numpy()
    variances, vectors = np.linalg.eigh(np.cov(normal.T))
    variances, vectors = variances[::-1][:7], vectors[:, ::-1][:, :7]
    coordinates = (normal - normal.mean(0)) @ vectors
    expected = np.sqrt((coordinates**2 / (variances + 0.3 * variances.mean())).sum(1))
    assert np.allclose(detector.score(as_tensor(NOISE)).scores.numpy(), expected, rtol=1e-4)


@pytest.mark.parametrize("items", [30, 1500])  # fewer images than pixels, and more
def test_normal_images_are_as_far_as_they_have_components(items: int) -> None:
    digits = (load_digits().images[:items, :, :, None] * 15).astype(np.uint8)
    squares = fit(digits, 10, ridge=0.0).score(as_tensor(digits)).scores.square()
    assert squares.mean() == pytest.approx(10 * (items - 1) / items, rel=1e-4)


def test_a_small_step_where_images_do_not_vary_counts_more_than_a_large_one_where_they_do() -> None:
    images = np.full((200, 1, 2, 1), 128, np.uint8)
    images[:, 0, 0, 0] = GENERATOR.integers(28, 228, 200)
    images[:, 0, 1, 0] = GENERATOR.integers(123, 134, 200)
    detector = fit(images, 2, ridge=0.0)
    along, across = torch.tensor([[[[0.95, 0.5]]], [[[0.5, 0.6]]]]).split(1)
    assert detector.score(across).scores > 3 * detector.score(along).scores


def test_identical_images_are_at_no_distance() -> None:
    detector = fit(np.full((5, 8, 8, 1), 100, np.uint8), 3, ridge=0.01)
    assert torch.equal(detector.score(torch.rand(2, 1, 8, 8)).scores, torch.zeros(2))
