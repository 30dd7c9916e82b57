"""What the two players minimise, as functions of the scores (B,) of real and generated images.

A score is a logit for `non_saturating`, a margin for `hinge` and an unbounded critic's value for the Wasserstein losses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch.nn.functional as F
from torch import Tensor

Loss = Literal["non_saturating", "hinge", "wasserstein", "wasserstein_gp"]


class Game(NamedTuple):
    """A pair of losses: the discriminator's of real and generated scores, the generator's of generated scores."""

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]


def logistic(real: Tensor, fake: Tensor) -> Tensor:
    """-log s(real) - log(1 - s(fake)), s the logistic function (Goodfellow et al. 2014)."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def non_saturating(fake: Tensor) -> Tensor:
    """-log s(fake): the same fixed point as log(1 - s(fake)), but a gradient where the generator loses."""
    return F.softplus(-fake).mean()


def hinge(real: Tensor, fake: Tensor) -> Tensor:
    """max(0, 1 - real) + max(0, 1 + fake) (Lim & Ye 2017; Miyato et al. 2018)."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def negative_distance(real: Tensor, fake: Tensor) -> Tensor:
    """Minus the critic's estimate of the Wasserstein distance (Arjovsky et al. 2017)."""
    return fake.mean() - real.mean()


def raise_score(fake: Tensor) -> Tensor:
    """Minus the mean score."""
    return -fake.mean()


GAMES: dict[Loss, Game] = {
    "non_saturating": Game(logistic, non_saturating),
    "hinge": Game(hinge, raise_score),
    "wasserstein": Game(negative_distance, raise_score),
    "wasserstein_gp": Game(negative_distance, raise_score),
}


def feature_matching(real: Tensor, fake: Tensor) -> Tensor:
    """The squared distance between the mean features of real and generated images, each (B, D) (Salimans et al. 2016)."""
    return (real.mean(0) - fake.mean(0)).square().sum()


def accuracy(real: Tensor, fake: Tensor, loss: Loss) -> tuple[Tensor, Tensor]:
    """The shares of real and generated scores on their side of the boundary.

    It is 0, or halfway between the two means for a Wasserstein critic, whose scores have no origin.
    """
    boundary = (real.mean() + fake.mean()) / 2 if loss.startswith("wasserstein") else 0.0
    return (real > boundary).float().mean(), (fake < boundary).float().mean()
