"""The rate of a normal posterior against torch's, and what is measured of samples."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from darkroom.study.generating import contrast
from darkroom.study.vae.experiment import nearest_one, rates


def test_rates_are_divergences_from_the_prior() -> None:
    generator = torch.Generator().manual_seed(0)
    mean, log_variance = torch.randn(2, 5, 3, generator=generator)
    expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0))
    assert torch.allclose(rates(mean, log_variance), expected, atol=1e-6)
    assert rates(torch.zeros(1, 2), torch.zeros(1, 2)).sum() == 0  # the prior itself: nothing is said


def test_contrast_of_flat_and_of_checkered_images() -> None:
    board = np.indices((8, 8)).sum(0) % 2 * 255
    assert contrast(board.astype(np.uint8)[None, ..., None]) == pytest.approx(1)
    assert contrast(np.full((2, 8, 8, 1), 90, np.uint8)) == 0


def test_the_weight_nearest_to_one_is_so_by_ratio() -> None:
    assert nearest_one((0.1, 0.6, 1.5)) == 1.5
