"""Callbacks that a config turns on: which weights a training ends with, if not the last, and diagnostics of its layers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from darkroom.fit.average import EqualAverage, renew_statistics
from darkroom.fit.batches import Batches
from darkroom.fit.diagnostics import MEASURES, Diagnostics
from darkroom.log import Log
from darkroom.randomness import derive

DIAGNOSED_OF = 4
"""Of the steps that are recorded, diagnostics measure every `DIAGNOSED_OF`-th."""


class EarlyStopping(pl.Callback):
    """Stops after `patience` epochs in a row without a lower validation loss; the run ends with the best epoch's weights.

    `rows` is the history, which has this epoch's row already. Both happen before a checkpoint is saved, so a run that is
    resumed after its end has nothing left to do.
    """

    def __init__(self, patience: int, rows: Sequence[Mapping[str, Any]], log: Log) -> None:
        self.patience, self.rows, self.tell = patience, rows, log
        self.lowest, self.waited = math.inf, 0
        self.best: dict[str, Tensor] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        if self.waited >= self.patience:
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        row, network = self.rows[-1], pl_module.task.validated
        if row["val_loss"] < self.lowest:
            self.lowest, self.waited = row["val_loss"], 0
            self.best = {name: value.detach().clone() for name, value in network.state_dict().items()}
        else:
            self.waited += 1
        if self.waited >= self.patience or trainer.current_epoch + 1 == trainer.max_epochs:
            trainer.should_stop = True
            network.load_state_dict(self.best)
            self.tell({"train/best_epoch": len(self.rows) - 1 - self.waited}, row["step"])

    def state_dict(self) -> dict[str, Any]:
        return {"lowest": self.lowest, "waited": self.waited, "best": self.best}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self.lowest, self.waited, self.best = state_dict["lowest"], state_dict["waited"], state_dict["best"]


class WeightAveraging(pl.Callback):
    """Replaces the last weights by the mean of those at each epoch's end in the last `share` of the run.

    The statistics of batch normalization are renewed on one more epoch of training batches, transformed as in training.
    """

    def __init__(self, share: float, batches: Batches, seed: int) -> None:
        self.share, self.batches, self.seed = share, batches, seed
        self.average = EqualAverage()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        epochs, network = trainer.max_epochs or 1, pl_module.task.network
        if trainer.current_epoch + 1 > (1 - self.share) * epochs + 1e-9:
            self.average.add(network)
        if trainer.current_epoch + 1 == epochs:
            self.average.copy_to(network)
            renew_statistics(network, self._passes(trainer, pl_module.task, epochs))

    @torch.no_grad()
    def _passes(self, trainer: pl.Trainer, task: Any, epoch: int) -> Iterator[None]:
        process = (trainer.global_rank,) if trainer.global_rank else ()
        torch.manual_seed(derive(self.seed, "noise", epoch, *process))
        self.batches.epoch = epoch
        for index, batch in enumerate(self.batches):
            task.draws.manual_seed(derive(self.seed, "batch", epoch, index, *process))
            with trainer.precision_plugin.forward_context():
                yield task.losses(*trainer.strategy.batch_to_device(batch))

    def state_dict(self) -> dict[str, Any]:
        return self.average.state_dict()

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self.average.load_state_dict(state_dict)


class Diagnosed(pl.Callback):
    """Measures the layers at some of the steps that the history, an earlier callback, follows."""

    def __init__(self, log: Log) -> None:
        self.tell, self.followed = log, 0
        self.rows: list[dict[str, Any]] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self.diagnostics = Diagnostics(pl_module.task.trained)

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        task = pl_module.task
        if task.followed and self.followed % DIAGNOSED_OF == 0:
            task.diagnostics = self.diagnostics
            self.diagnostics.begin()
        self.followed += task.followed

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        task = pl_module.task
        if task.diagnostics is None:
            return
        task.diagnostics = None
        rows = self.diagnostics.end(task.step)
        self.rows += rows
        told = {f"diagnostics/{k}/{row['layer']}": row[k] for row in rows for k in MEASURES if row[k] is not None}
        self.tell(told, task.step)

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "followed": self.followed}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self.rows, self.followed = state_dict["rows"], state_dict["followed"]
