from __future__ import annotations

import math
from typing import get_args

import pytest
import torch

from darkroom.generate.diffusion.noise_schedule import Kind, NoiseSchedule, Prediction, betas

KINDS, PREDICTIONS = get_args(Kind), get_args(Prediction)


@pytest.mark.parametrize("kind", KINDS)
def test_the_signal_falls_from_nearly_all_to_nearly_nothing(kind: Kind) -> None:
    schedule = NoiseSchedule(kind, 1000)
    kept = schedule.alpha_bar
    assert len(schedule) == 1000
    assert (kept.diff() < 0).all()
    assert kept[0] > 0.999
    assert 0 < kept[-1] < 1e-4
    alpha, sigma = schedule.levels(torch.arange(1000))
    assert torch.allclose(alpha.square() + sigma.square(), torch.ones(1000, 1, 1, 1))


def test_linear_betas_of_the_paper() -> None:
    assert betas("linear", 1000)[[0, -1]].tolist() == pytest.approx([1e-4, 0.02])
    assert NoiseSchedule("linear", 2).alpha_bar.tolist() == pytest.approx([0.9999, 0.9999 * 0.98])


def test_the_cosine_schedule_by_hand() -> None:
    # alpha_bar at step t of T is f(t/T) / f(0), f(s) = cos²((s + .008) / 1.008 · π/2); at half way that is cos²(.504/1.008·π/2)
    schedule = NoiseSchedule("cosine", 1000)
    start = math.cos(0.008 / 1.008 * math.pi / 2) ** 2
    assert schedule.alpha_bar[499].item() == pytest.approx(math.cos(0.508 / 1.008 * math.pi / 2) ** 2 / start, rel=1e-4)
    assert schedule.alpha_bar[495].item() == pytest.approx(0.5 / start, rel=1e-4)  # (.496 + .008) / 1.008 is a half
    assert betas("cosine", 1000).max().item() == pytest.approx(0.999)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_predictions_are_turned_into_each_other_and_back(kind: Kind, prediction: Prediction) -> None:
    schedule = NoiseSchedule(kind, 1000)
    draws = torch.Generator().manual_seed(0)
    clean, noise = (torch.randn(8, 2, 3, 3, generator=draws) for _ in range(2))
    times = torch.tensor([5, 50, 100, 200, 400, 600, 800, 900])
    noisy = schedule.noised(clean, noise, times)
    target = schedule.target(prediction, clean, noise, times)
    for found, expected in zip(schedule.parts(prediction, target, noisy, times), (clean, noise), strict=True):
        assert torch.allclose(found, expected, atol=1e-4)
    one = schedule.parts(prediction, target[2:3], noisy[2:3], torch.tensor(100))
    assert torch.allclose(one[0], clean[2:3], atol=1e-4)


def test_v_by_hand() -> None:
    schedule = NoiseSchedule("linear", 10)
    schedule.alpha_bar[3] = 0.64  # α .8, σ .6
    clean, noise = torch.full((1, 1, 1, 1), 0.5), torch.full((1, 1, 1, 1), -1.0)
    times = torch.tensor([3])
    assert schedule.noised(clean, noise, times).item() == pytest.approx(0.8 * 0.5 - 0.6)
    assert schedule.target("v", clean, noise, times).item() == pytest.approx(-0.8 - 0.6 * 0.5)


def test_min_snr_weights_by_hand() -> None:
    schedule = NoiseSchedule("linear", 3)
    schedule.alpha_bar.copy_(torch.tensor([10 / 11, 0.75, 0.5]))  # SNR 10, 3, 1
    assert schedule.snr().tolist() == pytest.approx([10, 3, 1], rel=1e-5)
    weights = {kind: schedule.weights(kind, 5.0).tolist() for kind in PREDICTIONS}
    assert weights["epsilon"] == pytest.approx([0.5, 1, 1], rel=1e-5)
    assert weights["x0"] == pytest.approx([5, 3, 1], rel=1e-5)
    assert weights["v"] == pytest.approx([5 / 11, 3 / 4, 1 / 2], rel=1e-5)
    assert schedule.weights("v", None).tolist() == [1, 1, 1]


def test_min_snr_is_one_loss_in_every_parameterisation() -> None:
    schedule = NoiseSchedule("cosine", 1000)
    draws = torch.Generator().manual_seed(0)
    clean, noise, wrong = (torch.randn(4, 1, 2, 2, generator=draws) for _ in range(3))
    times = torch.tensor([50, 300, 600, 900])
    noisy = schedule.noised(clean, noise, times)
    alpha, sigma = schedule.levels(times)
    implied = (noisy - alpha * wrong) / sigma  # the noise that goes with the image `wrong`
    losses = []
    for kind in PREDICTIONS:
        error = schedule.target(kind, wrong, implied, times) - schedule.target(kind, clean, noise, times)
        losses.append(schedule.weights(kind, 5.0)[times] * error.square().mean((1, 2, 3)))
    assert torch.allclose(losses[0], losses[1], rtol=1e-3)
    assert torch.allclose(losses[0], losses[2], rtol=1e-3)
