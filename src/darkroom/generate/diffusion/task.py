"""Training a diffusion model: the weights that are trained, and the average of them that is kept."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from darkroom.fit.config import Training
from darkroom.fit.task import Task

if TYPE_CHECKING:
    from darkroom.generate.diffusion.model import Diffusion


class DiffusionTask(Task):
    """Trains a copy of the model's denoiser; the model's own follows as the average that samples are drawn with.

    The average is Karras et al. 2024's: it looks back over a fixed share of the steps so far, so that the first weights
    are soon forgotten and one setting serves short and long runs. A classifier of noised images learns beside it.
    """

    network: Diffusion

    def __init__(self, network: Diffusion, training: Training) -> None:
        super().__init__(network, training)
        self.learner = copy.deepcopy(network.denoiser).to(memory_format=torch.channels_last)
        network.denoiser.requires_grad_(False)

    @property
    def trained(self) -> nn.Module:
        """The learner, and the classifier where there is one."""
        classifier = self.network.classifier
        return self.learner if classifier is None else nn.ModuleList([self.learner, classifier])

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The loss of the learner on newly noised images, and the classifier's."""
        return self.network.losses(self.learner, images, labels)

    def measures(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The same of the average, on the same noise in every epoch."""
        return self.network.losses(self.network.denoiser, images, labels, torch.Generator().manual_seed(0))

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Move the average towards the new weights."""
        follow(self.network.denoiser, self.learner, share=average_share(self.network.ema, self.trainer.global_step))


def average_share(age: float, step: int) -> float:
    """How far the average moves towards the weights after step 1, 2, ...: all the way at first, then ever less.

    1 - (1 - 1/t)^(γ + 1) gives weights of step s the share s^γ; their mean age is then 1 / (γ + 2) of the steps so far.
    """
    return 1.0 if age == 0 else 1 - (1 - 1 / step) ** (1 / age - 1)


@torch.no_grad()
def follow(average: nn.Module, learner: nn.Module, *, share: float) -> None:
    """Move every weight of `average` by this share of its way to that of `learner`."""
    for kept, new in zip(average.parameters(), learner.parameters(), strict=True):
        kept.lerp_(new, share)
