"""Adversarial losses as functions of the scores (B,) of real and generated images.

A score is a logit for `non_saturating`, a margin for `hinge` and an unbounded critic value for the Wasserstein losses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch.nn.functional as F
from torch import Tensor

Loss = Literal["non_saturating", "hinge", "wasserstein", "wasserstein_gp"]


class Game(NamedTuple):
    """A pair of losses: the discriminator's, of real and generated scores, and the generator's, of generated scores."""

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]


def logistic(real: Tensor, fake: Tensor) -> Tensor:
    """Return -log s(real) - log(1 - s(fake)) with s the sigmoid (Goodfellow et al. 2014)."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def non_saturating(fake: Tensor) -> Tensor:
    """Return -log s(fake): same fixed point as log(1 - s(fake)), without its vanishing gradient where the generator loses."""
    return F.softplus(-fake).mean()


def hinge(real: Tensor, fake: Tensor) -> Tensor:
    """Return max(0, 1 - real) + max(0, 1 + fake) (Lim & Ye 2017; Miyato et al. 2018)."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def negative_distance(real: Tensor, fake: Tensor) -> Tensor:
    """Return the negative of the critic's Wasserstein distance estimate (Arjovsky et al. 2017)."""
    return fake.mean() - real.mean()


def raise_score(fake: Tensor) -> Tensor:
    """Return the negative mean score."""
    return -fake.mean()


GAMES: dict[Loss, Game] = {
    "non_saturating": Game(logistic, non_saturating),
    "hinge": Game(hinge, raise_score),
    "wasserstein": Game(negative_distance, raise_score),
    "wasserstein_gp": Game(negative_distance, raise_score),
}


def feature_matching(real: Tensor, fake: Tensor) -> Tensor:
    """Return the squared distance between mean features of real and generated images, (B, D) each (Salimans et al. 2016)."""
    return (real.mean(0) - fake.mean(0)).square().sum()


def accuracy(real: Tensor, fake: Tensor, loss: Loss) -> tuple[Tensor, Tensor]:
    """Return the fractions of real and of generated scores on the correct side of the decision boundary.

    The boundary is 0, or midway between the two means for a Wasserstein critic, whose scores have no origin.
    """
    boundary = (real.mean() + fake.mean()) / 2 if loss.startswith("wasserstein") else 0.0
    return (real > boundary).float().mean(), (fake < boundary).float().mean()
