"""The task of pretraining: the objective's loss on views of a batch, without labels."""

from __future__ import annotations

import torch
from torch import Tensor

from darkroom.fit.config import Training
from darkroom.fit.task import Task
from darkroom.pretrain.objective import Objective
from darkroom.pretrain.views import Views


class PretrainTask(Task):
    """Minimizes an objective on views of each batch."""

    network: Objective

    def __init__(self, network: Objective, training: Training, views: Views) -> None:
        super().__init__(network, training)
        self.views = views

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the objective's losses; `labels` are not used."""
        with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
            views = self.views(images, self.draws)  # bf16 coordinates would blur the images
        return self.network.losses(views, self.draws)

    def updated(self) -> None:
        self.network.updated()
