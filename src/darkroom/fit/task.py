"""The thin Lightning shell around a plain network: a family adds its loss, the rest is the same for all."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from darkroom import registry
from darkroom.fit.config import Training
from darkroom.fit.together import summed


class Totals:
    """Means over an epoch, weighted by batch size, each over the batches that have it; nothing is read back from the
    device before the end."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.items: Counter[str] = Counter()

    def add(self, values: dict[str, Tensor], items: int) -> None:
        """Take the means of one batch of so many items."""
        for name, value in values.items():
            weighted = value.detach().float() * items
            self.sums[name] = self.sums[name] + weighted if name in self.sums else weighted
            self.items[name] += items

    def close(self) -> dict[str, float]:
        """The means since the last close, over what all processes have seen."""
        if not self.sums:
            return {}
        totals = torch.stack([*self.sums.values()])
        items = totals.new_tensor([self.items[name] for name in self.sums])
        totals, items = summed(torch.stack([totals, items]))
        means = {name: float(totals[i]) / float(items[i]) for i, name in enumerate(self.sums)}
        self.sums, self.items = {}, Counter()
        return means


class Task(pl.LightningModule):
    """A network and how it is trained. A family's subclass says what is lost on a batch.

    `draws` is a generator on the processor that starts anew at every training batch, whatever came before. `latest`
    holds the scalars of the newest training batch; `followed` says that this batch is one of those whose scalars are kept
    by step, so that what only they need, such as gradient norms, is measured for them alone. `weight` is what the loss
    counts for where several processes share the batch.
    """

    def __init__(self, network: nn.Module, training: Training) -> None:
        super().__init__()
        self.network = network
        self.settings = training
        self.train_totals, self.val_totals = Totals(), Totals()
        self.draws = torch.Generator()
        self.latest: dict[str, Tensor] = {}
        self.followed = False
        self.weight = 1.0

    @property
    def trained(self) -> nn.Module:
        """What the optimizer moves: the network, unless a family trains a copy and keeps its average in the network."""
        return self.network

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Scalars of one batch: `loss`, which is minimised, and any parts to be followed.

        Images are floats (B, C, H, W) in [0, 1], labels integers (B,).
        """
        raise NotImplementedError

    def measures(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Scalars of one validation batch; the losses unless a family measures more."""
        return self.losses(images, labels)

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """One step; the optimizer's work is Lightning's."""
        images, labels = batch
        values = self.losses(images, labels)
        self.note(values, len(labels))
        return values["loss"] * self.weight

    def note(self, values: dict[str, Tensor], items: int) -> None:
        """Keep the scalars of a training batch of so many images, for the epoch's means and the record by step."""
        self.train_totals.add(values, items)
        self.latest = {name: value.detach() for name, value in values.items()}

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """The norm of all gradients before they are clipped; a task with several optimizers measures its own."""
        if self.followed and self.automatic_optimization:
            self.latest["gradient_norm"] = gradient_norm(self.trained)

    def configure_gradient_clipping(
        self, optimizer: Any, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        """Scale larger gradients down to that norm. Lightning's own refuses fused optimizers in bf16, though only fp16,
        with its scaled losses, has reason to."""
        if gradient_clip_val is not None:
            torch.nn.utils.clip_grad_norm_(self.trained.parameters(), gradient_clip_val)

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        """Measures of one validation batch."""
        images, labels = batch
        self.val_totals.add(self.measures(images, labels), len(labels))

    def configure_optimizers(self) -> Any:
        """The optimizer, and the schedule moved by every step."""
        optimizer = registry.build(self.settings.optimizer, self.trained)
        schedule = registry.build(self.settings.schedule)
        steps = max(1, int(self.trainer.estimated_stepping_batches) - 1)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: schedule(min(1.0, step / steps)))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def gradient_norm(network: nn.Module) -> Tensor:
    """The Euclidean norm of the gradients of all parameters that have one."""
    return torch.nn.utils.get_total_norm([p.grad for p in network.parameters() if p.grad is not None])
