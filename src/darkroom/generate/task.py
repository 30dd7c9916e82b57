"""Training any generator that minimizes one loss, and drawing its snapshots on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from darkroom.fit.task import Task
from darkroom.generate.model import GenerativeModel
from darkroom.generate.snapshots import Snapshots


class GeneratorTask(Task):
    """Minimizes the model's own `losses`."""

    network: GenerativeModel

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the model's losses at this step."""
        return self.network.losses(images, labels, progress=self.step / self.steps)

    def measures(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the losses as at the end of training, so that validation measures the same thing every epoch."""
        return self.network.losses(images, labels)


class SnapshotObserver:
    """Draws the snapshots that are due at an epoch's end, and keeps them in checkpoints."""

    def __init__(self, snapshots: Snapshots) -> None:
        self.snapshots = snapshots

    def epoch_ended(self, task: Task, epochs: int) -> None:
        if epochs in self.snapshots.due:
            network = task.network
            assert isinstance(network, GenerativeModel)
            with torch.autocast(next(network.parameters()).device.type, enabled=False):
                self.snapshots.draw(network, epochs)

    def state_dict(self) -> dict[str, Any]:
        return {"epochs": self.snapshots.epochs, "drawn": self.snapshots.drawn}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self.snapshots.epochs, self.snapshots.drawn = state_dict["epochs"], state_dict["drawn"]
