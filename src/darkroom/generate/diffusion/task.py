"""Diffusion training: a denoiser is trained, and its moving average is what samples are drawn with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from darkroom.fit.config import Training
from darkroom.fit.task import Task
from darkroom.generate.diffusion.process import DiffusionProcess
from darkroom.nets.unet import Denoiser


class DiffusionTask(Task):
    """Trains `learner`; the network's own denoiser becomes its moving average. A classifier, if any, trains beside it."""

    network: DiffusionProcess

    def __init__(self, network: DiffusionProcess, training: Training) -> None:
        super().__init__(network, training)
        self.learner = network.denoiser.to(memory_format=torch.channels_last)
        self.averaged = AveragedModel(self.learner, multi_avg_fn=PowerEMA(network.ema))
        network.denoiser = cast(Denoiser, self.averaged.module.requires_grad_(False))

    @property
    def trained(self) -> nn.Module:
        """The learner, and the classifier if there is one."""
        classifier = self.network.classifier
        return self.learner if classifier is None else nn.ModuleList([self.learner, classifier])

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the learner's loss on freshly noised images, and the classifier's."""
        return self.network.denoising_losses(self.learner, images, labels)

    def measures(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the moving average's losses, on the same noise every epoch."""
        draws = torch.Generator().manual_seed(0)
        return self.network.denoising_losses(self.network.denoiser, images, labels, draws)

    def updated(self) -> None:
        """Update the moving average."""
        self.averaged.update_parameters(self.learner)


class PowerEMA:
    """Power-function moving average of Karras et al. 2024 for `AveragedModel`: it looks back over a fixed fraction of training.

    The weights after step s count as s^γ, so their mean age is 1 / (γ + 2) of the steps so far; `age` is that fraction, in
    [0, 1/2]. The first weights are soon forgotten, and one setting serves short and long runs. At 0 the average is the
    newest weights.
    """

    def __init__(self, age: float) -> None:
        self.age = age

    def share(self, step: int) -> float:
        """Return how far the average moves towards the weights after step 1, 2, ...: 1 - (1 - 1/t)^(γ + 1)."""
        return 1.0 if self.age == 0 else 1 - (1 - 1 / step) ** (1 / self.age - 1)

    @torch.no_grad()
    def __call__(self, averaged: Sequence[Tensor], newest: Sequence[Tensor], updates: Tensor | int) -> None:
        share = self.share(int(updates) + 1)
        for mean, new in zip(averaged, newest, strict=True):
            mean.lerp_(new, share)
