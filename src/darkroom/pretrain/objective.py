"""What every objective of pretraining is made of: the network, heads on its features, and a loss of views without labels.

Several views of one size pass through the network as one batch, so that batch normalization sees all of them, as in the
code of SimCLR; the papers on BYOL, SimSiam, VICReg and Barlow Twins normalize each view by itself. Losses are computed in
full precision. With several processes, each one compares the images of its own part of the batch.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn


class Objective(nn.Module, ABC):
    """A network, called with images (B, C, H, W) for features (B, D), and what trains it.

    A subclass may set `VIEWS`, the default transforms as a literal, where it should not have those of SimCLR; `full` and
    `local`, the numbers of views of whole images and of small parts; `embeds`, whether its loss compares embeddings; and
    `directions`, whether it looks at their directions only.
    """

    full, local = 2, 0
    embeds = directions = True

    def __init__(self, network: Any, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.network = network
        training = network.training
        with torch.no_grad():
            self.width = network.eval()(torch.zeros(1, *shape)).shape[1]
        network.train(training)

    @abstractmethod
    def losses(self, views: list[Tensor], draws: torch.Generator) -> dict[str, Tensor]:
        """Return the scalars of a batch: `loss`, which is minimized, and any parts worth recording.

        `views` holds the `full` views (B, C, H, W), then the `local` ones; `draws` is a CPU generator.
        """

    def embed(self, features: Tensor) -> Tensor:
        """Return the embeddings that the loss compares, from features (B, D); by default the features."""
        return features

    def updated(self) -> None:
        """Called after each step, for averages of the weights."""


class JointEmbedding(Objective):
    """Compares the projections of two views of each image by `compare`."""

    projector: nn.Module

    def losses(self, views: list[Tensor], draws: torch.Generator) -> dict[str, Tensor]:
        first, second = self.projector(self.network(torch.cat(views))).float().chunk(2)
        with exact(first):
            return self.compare(first, second)

    @abstractmethod
    def compare(self, first: Tensor, second: Tensor) -> dict[str, Tensor]:
        """Return the scalars of projections (B, E) of the same images."""

    def embed(self, features: Tensor) -> Tensor:
        embeddings: Tensor = self.projector(features)
        return embeddings


def mlp(*widths: int) -> nn.Sequential:
    """Return linear layers between these widths, with batch normalization and a ReLU after each but the last."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths[:-1]):
        layers += [nn.Linear(before, after, bias=False), nn.BatchNorm1d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))


def exact(tensor: Tensor) -> torch.autocast:
    """Return a context without autocast, in which losses are computed in full precision."""
    return torch.autocast(tensor.device.type, enabled=False)
