"""Training of a classifier of the normal classes by cross-entropy."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from darkroom.fit.task import Task


class CrossEntropyTask(Task):
    """Minimizes the cross-entropy of the logits, in nats."""

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return `loss` and `accuracy`."""
        logits = self.network(images).float()
        return {"loss": F.cross_entropy(logits, labels), "accuracy": (logits.argmax(1) == labels).float().mean()}
