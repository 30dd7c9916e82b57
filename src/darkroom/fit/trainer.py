"""The one training loop: Lightning's, without its data loaders and loggers, repeatable and resumable."""

from __future__ import annotations

import logging
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import pytorch_lightning as pl
import torch
from torch import Tensor

from darkroom.fit.batches import Batches
from darkroom.fit.memory import keep_freed
from darkroom.fit.model import Fitted
from darkroom.fit.precision import resolve
from darkroom.fit.task import Task
from darkroom.log import Log
from darkroom.randomness import derive

CHECKPOINT = "last.ckpt"
CHECKPOINT_SECONDS = 20.0
"""Training is saved at the first epoch's end after this many seconds; a resumed run ends with the same weights."""


def fit(
    task: Task, train: Batches, val: Batches | None, *, seed: int, log: Log, checkpoints: Path | None = None
) -> Fitted:
    """Train a task for its epochs, going on from the checkpoint in `checkpoints` when there is one.

    The network must be built already, from a seed of its own. Raises FloatingPointError when the loss is not finite.
    """
    settings = task.settings
    precision = resolve(settings.precision)
    torch.set_num_threads(settings.threads)
    keep_freed()
    channels_last = any(isinstance(module, torch.nn.Conv2d) for module in task.network.modules())
    if channels_last:
        task.network.to(memory_format=torch.channels_last)
    _quiet()
    history = _History(train, seed, log, checkpoints)
    trainer = pl.Trainer(
        max_epochs=settings.epochs,
        accelerator="auto",
        devices=1,
        precision="bf16-mixed" if precision == "bf16" else "32-true",
        gradient_clip_val=settings.clip,
        callbacks=[history],
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=sys.stderr.isatty(),
        num_sanity_val_steps=0,
        deterministic="warn",
    )
    resume = checkpoints / CHECKPOINT if checkpoints is not None else None
    trainer.fit(
        task,
        train,
        val,
        ckpt_path=resume if resume is not None and resume.exists() else None,
        weights_only=True,
    )
    task.network.cpu().eval()
    seconds = sum(row["seconds"] for row in history.rows)
    table = pd.DataFrame(history.rows).drop(columns="seconds")
    images = train.items * len(table)
    return Fitted(table, seconds, images / history.train_seconds, precision, channels_last)


class _History(pl.Callback):
    """Sets each epoch's draws, keeps its means, and saves the run now and then."""

    def __init__(self, batches: Batches, seed: int, log: Log, checkpoints: Path | None) -> None:
        self.batches, self.seed, self.tell, self.checkpoints = batches, seed, log, checkpoints
        self.rows: list[dict[str, Any]] = []
        self.train_seconds = 0.0
        self.saved = time.monotonic()

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self.batches.epoch = trainer.current_epoch
        torch.manual_seed(derive(self.seed, "noise", trainer.current_epoch))
        self.started = time.monotonic()

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        pl_module.draws.manual_seed(derive(self.seed, "batch", trainer.current_epoch, batch_idx))

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        loss = outputs["loss"] if isinstance(outputs, dict) else outputs
        if isinstance(loss, Tensor) and batch_idx % 50 == 0 and not bool(torch.isfinite(loss)):
            raise FloatingPointError(
                f"the training loss is {float(loss)} at step {trainer.global_step} (epoch {trainer.current_epoch}, "
                f"batch {batch_idx}); lower training.optimizer.lr or set training.clip"
            )

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self.trained = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        ended = time.monotonic()
        self.train_seconds += getattr(self, "trained", ended) - self.started
        row: dict[str, Any] = {"epoch": trainer.current_epoch, "step": trainer.global_step}
        row["learning_rate"] = trainer.optimizers[0].param_groups[0]["lr"]
        row |= {f"train_{name}": value for name, value in pl_module.train_totals.close().items()}
        row |= {f"val_{name}": value for name, value in pl_module.val_totals.close().items()}
        self.tell({k.replace("_", "/", 1): v for k, v in row.items() if k.startswith(("train_", "val_"))}, row["step"])
        self.tell({"train/learning_rate": row["learning_rate"]}, row["step"])
        self.rows.append({**row, "seconds": ended - self.started})
        if not all(pd.notna(value) and abs(value) != float("inf") for value in row.values()):
            raise FloatingPointError(
                f"a loss of epoch {trainer.current_epoch} is not finite: {row}; lower training.optimizer.lr"
            )
        if self.checkpoints is not None and ended - self.saved > CHECKPOINT_SECONDS:
            self._save(trainer, self.checkpoints)

    def _save(self, trainer: pl.Trainer, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        fresh = folder / f".{CHECKPOINT}.{os.getpid()}.new"
        trainer.save_checkpoint(fresh)
        fresh.replace(folder / CHECKPOINT)
        self.saved = time.monotonic()

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "train_seconds": self.train_seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows, self.train_seconds = state_dict["rows"], state_dict["train_seconds"]


def _quiet() -> None:
    """Lightning's hints are about its own loaders and loggers, which are not used here."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="pytorch_lightning.*")
    warnings.filterwarnings("ignore", module="lightning_fabric.*")
