from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from darkroom.detect.detector import FitInputs
from darkroom.detect.methods.errors import ERRORS, gradient, mae, mse, smooth, ssim
from darkroom.detect.methods.pca import PCA
from darkroom.detect.options import ErrorMeasure

PAIR = torch.rand(2, 3, 2, 13, 17, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_there_is_a_measure_for_every_name() -> None:
    assert tuple(ERRORS) == get_args(ErrorMeasure)


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_a_map_that_is_nothing_for_equal_images(name: ErrorMeasure) -> None:
    first, second = PAIR
    maps = ERRORS[name](first, second)
    assert maps.shape == (3, 13, 17)
    assert (maps > 0).all()
    assert (ERRORS[name](first * 3 - 1, second) >= 0).all()  # beyond [0, 1] too
    assert ERRORS[name](first, first.clone()).abs().max() < 1e-12
    assert torch.allclose(maps, ERRORS[name](second, first))


@pytest.mark.parametrize("name", ERRORS)
def test_a_mirrored_pair_has_the_mirrored_map(name: ErrorMeasure) -> None:
    first, second = PAIR
    maps = ERRORS[name](first, second)
    for dim in (-1, -2):
        assert torch.allclose(maps.flip(dim), ERRORS[name](first.flip(dim), second.flip(dim)))
    assert torch.allclose(maps.mT, ERRORS[name](first.mT, second.mT))


def test_one_wrong_pixel_by_hand() -> None:
    wrong = torch.zeros(1, 2, 4, 5)
    wrong[0, 0, 1, 2] = 0.5  # the other channel is right: half of each error
    right = torch.zeros_like(wrong)
    assert mse(wrong, right)[0, 1, 2] == 0.125
    assert mae(wrong, right)[0, 1, 2] == 0.25
    expected = torch.zeros(4, 5)
    expected[1, 2] = 0.125 * (1 + 4 / 2)  # itself, and half of its four differences
    expected[0, 2] = expected[2, 2] = expected[1, 1] = expected[1, 3] = 0.125 / 2
    assert torch.allclose(gradient(wrong, right)[0], expected)


def test_a_constant_shift_has_no_gradient_error() -> None:
    assert torch.allclose(gradient(PAIR[0], PAIR[0] + 0.1), torch.full((3, 13, 17), 0.01, dtype=torch.float64))


@pytest.mark.parametrize(("shape", "side"), [((13, 17), 11), ((8, 30), 7), ((9, 9), 9)])
def test_ssim_agrees_with_the_formula_window_by_window(shape: tuple[int, int], side: int) -> None:
    first, second = np.random.default_rng(0).random((2, *shape))
    sigma, radius = 1.5 * side / 11, side // 2
    expected = np.zeros(shape)
    for row, column in np.ndindex(shape):
        rows = np.arange(max(0, row - radius), min(shape[0], row + radius + 1))
        columns = np.arange(max(0, column - radius), min(shape[1], column + radius + 1))
        window = np.ix_(rows, columns)
        weights = np.exp(-((rows[:, None] - row) ** 2 + (columns - column) ** 2) / (2 * sigma**2)).ravel()
        x, y = first[window].ravel(), second[window].ravel()
        mean_x, mean_y = np.average(x, weights=weights), np.average(y, weights=weights)
        (var_x, both), (_, var_y) = np.cov(x, y, aweights=weights, ddof=0)
        similarity = (2 * mean_x * mean_y + 1e-4) * (2 * both + 9e-4)
        similarity /= (mean_x**2 + mean_y**2 + 1e-4) * (var_x + var_y + 9e-4)
        expected[row, column] = 1 - similarity
    found = ssim(*torch.from_numpy(np.stack([first, second]))[:, None, None])
    assert np.allclose(found[0].numpy(), expected)


def test_smoothing_keeps_constants_and_spreads_a_point_as_a_gaussian() -> None:
    assert torch.equal(smooth(PAIR[0, :, 0], 0.0), PAIR[0, :, 0])
    constant = torch.full((2, 6, 9), 0.3)
    assert torch.allclose(smooth(constant, 2.0), constant)  # at the border too
    point = torch.zeros(1, 31, 31)
    point[0, 15, 15] = 1
    spread = smooth(point, 1.5)[0]
    assert spread.sum() == pytest.approx(1, abs=1e-4)
    assert spread[15, 15] == pytest.approx(1 / (2 * math.pi * 1.5**2), rel=1e-3)
    assert spread[15, 18] / spread[15, 15] == pytest.approx(math.exp(-2), rel=1e-4)  # two standard deviations away


def scores_and_maps(error: ErrorMeasure, smoothing: float) -> tuple[Tensor, Tensor | None, PCA, Tensor]:
    digits = (load_digits().images[:, :, :, None] * 15).astype(np.uint8)
    detector = PCA((1, 8, 8), components=5, error=error, smoothing=smoothing)
    detector.fit(FitInputs(images=digits, train=np.arange(100), val=np.arange(0), seed=0))
    images = torch.from_numpy(digits[100:120]).permute(0, 3, 1, 2) / 255
    return *detector.score(images), detector, images


def test_by_default_a_score_is_the_mean_squared_error() -> None:
    detector = PCA((1, 8, 8))
    images = torch.rand(4, 1, 8, 8)
    squared = (images - detector.reconstruct(images)).square().mean(1)
    assert torch.equal(detector.score(images).scores, squared.mean((1, 2)))
    assert torch.equal(detector.score(images).maps, squared)  # type: ignore[arg-type]


@pytest.mark.parametrize("error", ERRORS)
def test_a_detector_scores_by_its_measure_and_smooths_maps_alone(error: ErrorMeasure) -> None:
    scores, maps, detector, images = scores_and_maps(error, 0.0)
    sharp = ERRORS[error](images, detector.reconstruct(images))
    assert torch.equal(scores, sharp.mean((1, 2)))
    smoothed_scores, smoothed, _, _ = scores_and_maps(error, 1.2)
    assert torch.equal(scores, smoothed_scores)
    assert maps is not None
    assert smoothed is not None
    assert torch.equal(maps, sharp)
    assert torch.equal(smoothed, smooth(sharp, 1.2))
    assert not torch.equal(smoothed, sharp)
