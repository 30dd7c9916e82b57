"""Each loss against its paper's formula on scores worked by hand."""

from __future__ import annotations

import math

import pytest
import torch

from darkroom.generate.gan.losses import GAMES, Loss, accuracy, feature_matching

REAL, FAKE = torch.tensor([2.0, 0.5]), torch.tensor([-2.0, 0.0])


def log_s(score: float) -> float:
    return math.log(1 / (1 + math.exp(-score)))


BY_HAND: dict[Loss, tuple[float, float]] = {
    # -E log D(x) - E log(1 - D(G(z))), and -E log D(G(z))
    "non_saturating": (
        -(log_s(2) + log_s(0.5)) / 2 - (math.log(1 - math.exp(log_s(-2))) + math.log(0.5)) / 2,
        -(log_s(-2) + math.log(0.5)) / 2,
    ),
    # real: max(0, -1), max(0, 0.5); generated: max(0, -1), max(0, 1)
    "hinge": (0.25 + 0.5, 1.0),
    "wasserstein": (-1.0 - 1.25, 1.0),
    "wasserstein_gp": (-1.0 - 1.25, 1.0),
}


@pytest.mark.parametrize("loss", GAMES)
def test_losses_are_their_papers(loss: Loss) -> None:
    discriminator, generator = BY_HAND[loss]
    assert GAMES[loss].discriminator(REAL, FAKE).item() == pytest.approx(discriminator)
    assert GAMES[loss].generator(FAKE).item() == pytest.approx(generator)


@pytest.mark.parametrize("loss", GAMES)
def test_losses_stay_finite_for_scores_far_off(loss: Loss) -> None:
    far = torch.tensor([-200.0, 200.0])
    assert torch.isfinite(GAMES[loss].discriminator(far, far))
    assert torch.isfinite(GAMES[loss].generator(far))


def test_feature_matching_is_the_squared_distance_of_means() -> None:
    real, fake = torch.tensor([[1.0, 0.0], [3.0, 2.0]]), torch.tensor([[0.0, 0.0], [0.0, 4.0]])
    assert feature_matching(real, fake).item() == pytest.approx(2.0**2 + 1.0**2)
    assert feature_matching(real, real.flip(0)).item() == 0


def test_accuracy_has_its_boundary_at_zero_and_a_critics_between_the_means() -> None:
    real, fake = torch.tensor([11.0, 8.0]), torch.tensor([9.0, 4.0])
    assert [share.item() for share in accuracy(real, fake, "hinge")] == [1.0, 0.0]
    assert [share.item() for share in accuracy(real, fake, "wasserstein")] == [0.5, 0.5]  # between the means: 8
    assert [share.item() for share in accuracy(real, fake - 3, "wasserstein_gp")] == [1.0, 1.0]
