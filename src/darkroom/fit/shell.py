"""The one LightningModule: it hands Lightning's hooks on to a task, which is plain torch."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from darkroom.fit.task import Task, gradient_norm


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

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Record the norm of all gradients before clipping; a manual task measures its own."""
        if self.task.followed and self.automatic_optimization:
            self.task.latest["gradient_norm"] = gradient_norm(self.task.trained)

    def configure_gradient_clipping(
        self, optimizer: Any, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        """Clip the gradient norm. Lightning's own clipping refuses fused optimizers under bf16, although only fp16, with
        its scaled losses, needs that."""
        if gradient_clip_val is not None:
            torch.nn.utils.clip_grad_norm_(self.task.trained.parameters(), gradient_clip_val)

    def configure_optimizers(self) -> Any:
        self.task.steps = int(self.trainer.estimated_stepping_batches)
        self.task.optimized = self.task.optimizers()
        return [
            {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
            for optimizer, schedule in self.task.optimized
        ]
