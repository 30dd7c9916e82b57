"""Training of a reconstruction by its mean squared error."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from darkroom.detect.detector import ReconstructionDetector
from darkroom.fit.task import Task


class ReconstructionTask(Task):
    """Minimizes the mean squared error over pixels in [0, 1]."""

    network: ReconstructionDetector

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return that error as `loss`."""
        return {"loss": F.mse_loss(self.network.reconstruct(images), images)}
