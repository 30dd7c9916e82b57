"""The one LightningModule: it hands Lightning's hooks on to a task, which is plain torch."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
from torch import Tensor

from darkroom.fit.task import Task


class Shell(pl.LightningModule):
    """Trains a task; its checkpoints hold the task's weights."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.task = task
        self.automatic_optimization = not task.manual

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        return self.task.training_step(*batch)

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        self.task.val_totals.add(self.task.measures(*batch), len(batch[1]))

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.task.updated()

    def configure_gradient_clipping(
        self, optimizer: Any, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        """Complete the gradients. Lightning's own clipping refuses fused optimizers under bf16, although only fp16, with its
        scaled losses, needs that; a manual task completes its own."""
        norm = self.task.complete_gradients(self.task.trained)
        if norm is not None:
            self.task.latest["gradient_norm"] = norm

    def configure_optimizers(self) -> Any:
        self.task.steps = int(self.trainer.estimated_stepping_batches)
        self.task.optimized = self.task.optimizers()
        return [
            {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
            for optimizer, schedule in self.task.optimized
        ]
