"""Lightning's usual way to train a classifier, as its tutorials do: fp32, a DataLoader, per-image transforms, `self.log`."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from darkroom.data.store import Store, labeled
from darkroom.fit.config import Training
from darkroom.fit.model import predict


class Clock:
    """Times a training; with a store, also tests the network after each epoch and notes when the goal is met."""

    def __init__(self, store: Store | None, goal: float | None) -> None:
        self.store, self.goal = store, goal
        self.seen: list[float] = []
        self.reached, self.train_seconds = float("inf"), 0.0

    def start(self) -> None:
        """Start to count."""
        self.started = time.monotonic()

    def epoch_ended(self, network: nn.Module) -> bool:
        """Test; whether the goal is met for the first time."""
        self.train_seconds = time.monotonic() - self.started
        if self.store is None:
            return False
        network.eval()
        rows = labeled(self.store, "test")
        right = predict(network, self.store.samples, rows).argmax(1) == self.store.labels[rows]
        network.train()
        self.seen.append(float(right.mean()))
        met = self.goal is not None and self.seen[-1] >= self.goal and self.reached == float("inf")
        if met:
            self.reached = time.monotonic() - self.started
        return met


class Called(pl.Callback):
    """Hands Lightning's epochs to the clock."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_train_start(self, trainer: pl.Trainer, module: Any) -> None:
        """The first batch is near."""
        self.clock.start()

    def on_train_epoch_end(self, trainer: pl.Trainer, module: Any) -> None:
        """Test, and stop when the goal is met."""
        trainer.should_stop = self.clock.epoch_ended(module.network)


class PerImage(Dataset[tuple[Tensor, int]]):
    """The training images, transformed one by one as torchvision's tutorials do; the same kind of change as the policy."""

    def __init__(self, store: Store) -> None:
        rows = labeled(store, "train")
        self.samples, self.labels = np.asarray(store.samples[rows]), store.labels[rows]
        change = v2.RandomAffine(15, translate=(0.1, 0.1), scale=(0.9, 1.1), shear=(-5, 5, -5, 5))
        self.transform = v2.Compose([v2.ToImage(), change, v2.ToDtype(torch.float32, scale=True)])

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.samples[index]), int(self.labels[index])


class Usual(pl.LightningModule):
    """The module of a tutorial."""

    def __init__(self, net: nn.Module, training: Training, steps: int) -> None:
        super().__init__()
        self.network, self.steps = net, steps
        self.lr, self.decay = (getattr(training.optimizer, key) for key in ("lr", "weight_decay"))

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """Cross-entropy, logged."""
        images, labels = batch
        logits = self.network(images)
        loss = F.cross_entropy(logits, labels)
        self.log("train/loss", loss)
        self.log("train/accuracy", (logits.argmax(1) == labels).float().mean(), on_epoch=True)
        return loss

    def configure_optimizers(self) -> Any:
        """AdamW on a one-cycle schedule."""
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.lr, weight_decay=self.decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.lr, total_steps=self.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def usual_fit(net: nn.Module, store: Store, training: Training, seed: int, clock: Clock) -> None:
    """Train with Lightning's defaults but for the logger, which would write to the working folder."""
    pl.seed_everything(seed, workers=True, verbose=False)
    images = PerImage(store)
    loader = DataLoader(images, batch_size=training.batch_size, shuffle=True, num_workers=2, persistent_workers=True)
    trainer = pl.Trainer(
        max_epochs=training.epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[Called(clock)],
    )
    trainer.fit(Usual(net, training, training.epochs * len(loader)), loader)
