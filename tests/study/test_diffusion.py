"""The exact score against the gradient of the density, and the perfect denoiser's prediction."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from darkroom.study import modes
from darkroom.study.diffusion.experiment import share_of_class, spread
from darkroom.study.diffusion.process import learned, sampled


def test_score_is_the_gradient_of_the_noised_density() -> None:
    alpha, sigma = 0.8, 0.6
    centers = torch.from_numpy(modes.centers(8))
    width = float(np.hypot(alpha * modes.STD, sigma))
    mixture = MixtureSameFamily(
        Categorical(torch.ones(8)), Independent(Normal(alpha * centers, torch.tensor(width, dtype=torch.float64)), 1)
    )
    points = torch.randn(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    (expected,) = torch.autograd.grad(mixture.log_prob(points).sum(), points)
    found = modes.noised_score(points.detach().numpy(), 8, alpha=alpha, sigma=sigma)
    assert found == pytest.approx(expected.numpy(), abs=1e-9)


def test_first_class_is_half_of_the_ring() -> None:
    assert share_of_class(modes.centers(8), 8) == 0.5
    assert share_of_class(modes.centers(8)[:4] * 1.1, 8) == 1
    assert spread(modes.centers(8)) == pytest.approx(modes.RADIUS)


@pytest.mark.parametrize("by", ["classifier_free", "classifier"])
def test_trainings_and_samples_repeat_by_seed(by: str) -> None:
    def points() -> np.ndarray:
        model = learned(4, by=by, steps=3, lr=0.01, seed=1)
        return sampled(model, 5, sampler="ancestral", steps=4, guidance=2.0, seed=0)

    assert (points() == points()).all()
