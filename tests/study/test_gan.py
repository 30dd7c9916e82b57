"""The best response of the discriminator, the value of the game, and which modes points cover."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from darkroom.study import modes
from darkroom.study.gan.experiment import best_response
from darkroom.study.gan.game import Rules, made, play


def test_value_of_the_game_is_minus_log_four_at_its_solution() -> None:
    at = np.linspace(-4, 4, 4001)
    density = modes.density(at)
    response = best_response(density, density)
    value = np.trapezoid(density * np.log(response) + density * np.log(1 - response), at)
    assert value == pytest.approx(-np.log(4), abs=1e-6)


def test_best_response_maximizes_the_discriminators_objective() -> None:
    real, generated = np.array([0.7, 0.1, 0.4]), np.array([0.1, 0.6, 0.4])
    best = best_response(real, generated)

    def objective(probability: np.ndarray) -> np.ndarray:
        return real * np.log(probability) + generated * np.log(1 - probability)

    for other in (best - 0.02, best + 0.02):
        assert (objective(other) < objective(best)).all()


def test_coverage_counts_modes_and_points_near_them() -> None:
    generator = torch.Generator().manual_seed(0)
    everything = modes.ring(4000, generator, modes=8).double().numpy()
    found = modes.coverage(everything, 8)
    assert found.modes == 8
    assert found.near == pytest.approx(1 - np.exp(-(3**2) / 2), abs=0.01)  # Rayleigh: within three deviations
    assert modes.coverage(modes.centers(8)[[0, 0, 3]], 8).modes == 2
    assert modes.coverage(np.zeros((5, 2)), 8) == (0, 0.0)


@pytest.mark.parametrize("rules", [Rules(), Rules("wasserstein_gp", gradient_penalty=1, critic_steps=2, spectral=True)])
def test_games_repeat_by_seed(rules: Rules) -> None:
    def points() -> np.ndarray:
        return made(play(modes.line, 1, rules, updates=4, lr=0.001, batch=16, seed=3), 10, seed=0)

    assert (points() == points()).all()
