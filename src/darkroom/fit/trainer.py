"""The one training loop: Lightning's, without its data loaders and loggers, repeatable and resumable."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.environments import (  # type: ignore[attr-defined]
    ClusterEnvironment,
    LightningEnvironment,
    SLURMEnvironment,
)

from darkroom import files
from darkroom.fit import launch, together
from darkroom.fit.batches import Batches
from darkroom.fit.callbacks import Diagnosed, EarlyStopping, WeightAveraging
from darkroom.fit.combined import learning_rate
from darkroom.fit.config import VALIDATED, Training
from darkroom.fit.diagnostics import COLUMNS
from darkroom.fit.model import Fitted
from darkroom.fit.precision import resolve
from darkroom.fit.progress import ProgressLines
from darkroom.fit.shell import Shell
from darkroom.fit.task import Observer, Task
from darkroom.log import Log, complain
from darkroom.randomness import derive

CHECKPOINT = "last.ckpt"
CHECKPOINT_SECONDS = 20.0
"""A checkpoint is saved at the first epoch's end after this many seconds; a resumed run ends with the same weights."""
READ_EVERY = 50
"""On a GPU, the loss is read back every `READ_EVERY` batches."""
MOST_STEPS = 200
"""About this many steps of a run are recorded one by one, evenly spaced."""


def fit(
    task: Task,
    train: Batches,
    val: Batches | None,
    *,
    seed: int,
    log: Log,
    checkpoints: Path | None = None,
    observers: Sequence[Observer] = (),
) -> Fitted:
    """Train a task for its epochs, resuming from the checkpoint in `checkpoints` if there is one.

    The network must already be built, from a seed of its own. Raises FloatingPointError when the loss is not finite,
    ValueError when a GPU is asked for and there is none.
    """
    settings = task.settings
    if settings.accelerator == "gpu" and not (torch.cuda.is_available() or torch.backends.mps.is_available()):
        raise ValueError("training.accelerator is gpu, but torch finds no GPU here; set it to auto or cpu")
    precision = resolve(settings.precision)
    torch.set_num_threads(settings.threads)
    channels_last = any(isinstance(module, torch.nn.Conv2d) for module in task.network.modules())
    if channels_last:
        task.network.to(memory_format=torch.channels_last)
    _quiet()
    several = launch.count(settings) > 1
    if several and task.manual:
        raise ValueError(
            f"training.devices is {settings.devices} and training.nodes {settings.nodes}, but a GAN, whose two networks "
            "take turns, trains in one process; set both to 1"
        )
    if val is None and (keys := [key for key in VALIDATED if key in settings.chosen]):
        raise ValueError(
            f"training.{keys[0]} needs a validation loss, but there are no validation images; raise data.split.val, "
            f"or {settings.chosen[keys[0]]}"
        )
    history = _History(train, val, seed, log, checkpoints)
    callbacks: list[pl.Callback] = [history]
    diagnosed = Diagnosed(log) if settings.diagnostics else None
    if diagnosed is not None:
        callbacks.append(diagnosed)
    if settings.patience is not None:
        callbacks.append(EarlyStopping(settings.patience, history.rows, log))
    if settings.swa is not None:
        callbacks.append(WeightAveraging(settings.swa, train, seed))
    callbacks.append(_Observed(observers))
    if checkpoints is not None:
        callbacks.append(_Saver(checkpoints))
    trainer = pl.Trainer(
        max_epochs=settings.epochs,
        accelerator=settings.accelerator,
        devices=settings.devices,
        num_nodes=settings.nodes,
        strategy="ddp" if several else "auto",
        use_distributed_sampler=False,
        precision="bf16-mixed" if precision == "bf16" else "32-true",
        plugins=[_environment(settings)],
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=sys.stderr.isatty(),
        num_sanity_val_steps=0,
        deterministic="warn",
    )
    resume = checkpoints / CHECKPOINT if checkpoints is not None else None
    with together.normalized(task.network) if several else contextlib.nullcontext():
        trainer.fit(
            Shell(task),
            train,
            val,
            ckpt_path=resume if resume is not None and resume.exists() else None,
            weights_only=True,
        )
    task.network.cpu().eval()
    seconds = sum(row["seconds"] for row in history.rows)
    table = pd.DataFrame(history.rows).drop(columns="seconds")
    images = train.items * len(table)
    steps = pd.DataFrame(history.steps)
    layers = pd.DataFrame(diagnosed.rows, columns=COLUMNS) if diagnosed is not None else None
    return Fitted(table, steps, seconds, images / history.train_seconds, precision, channels_last, layers)


class _History(pl.Callback):
    """Seeds each epoch, records its means and some steps, and stops at a loss that is not finite."""

    def __init__(self, batches: Batches, val: Batches | None, seed: int, log: Log, checkpoints: Path | None) -> None:
        self.batches, self.val, self.seed, self.tell, self.checkpoints = batches, val, seed, log, checkpoints
        self.rows: list[dict[str, Any]] = []
        self.steps: list[dict[str, Any]] = []
        self.step = 0
        self.train_seconds = 0.0

    def setup(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        self.task: Task = pl_module.task
        torch.set_num_threads(self.task.settings.threads)  # Lightning divides all cores among the processes it starts
        self.process = (trainer.global_rank,) if trainer.global_rank else ()  # each process has draws of its own
        self.batches.share(trainer.global_rank, trainer.world_size)
        if self.val is not None and self.val.items >= trainer.world_size:  # with fewer, every process sees all
            self.val.share(trainer.global_rank, trainer.world_size)

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        epochs = trainer.max_epochs or 1
        self.lines = ProgressLines(epochs=epochs, steps=epochs * len(self.batches), done=self.step)
        self.visible = trainer.is_global_zero and not sys.stderr.isatty()  # a terminal has Lightning's progress bar

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self.batches.epoch = trainer.current_epoch
        torch.manual_seed(derive(self.seed, "noise", trainer.current_epoch, *self.process))
        self.started = time.monotonic()

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self.task.draws.manual_seed(derive(self.seed, "batch", trainer.current_epoch, batch_idx, *self.process))
        self.task.weight = self.batches.weight(batch_idx)
        self.task.step = self.step
        self.task.followed = self.step % self.every(trainer) == 0

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.step += 1
        self.task.step = self.step
        latest = self.task.latest
        losses = [value for name, value in latest.items() if name.startswith("loss")]
        every = 1 if pl_module.device.type == "cpu" else READ_EVERY
        if batch_idx % every == 0 and not all(bool(torch.isfinite(loss)) for loss in losses):
            values = {name: float(value) for name, value in latest.items()}
            raise FloatingPointError(
                f"the training loss is not finite at step {self.step} (epoch {trainer.current_epoch}, batch {batch_idx}): "
                f"{values}. {self._last_good()}; lower training.optimizer.lr or set training.clip"
            )
        if self.visible:
            self.lines.batch_ended(self.step)
        if self.task.followed:
            row = together.averaged(latest, self.task.weight)
            self.steps.append({"step": self.step, **row})
            self.tell({f"step/{name}": value for name, value in row.items()}, self.step)

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        self.trained = time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        ended = time.monotonic()
        self.train_seconds += getattr(self, "trained", ended) - self.started
        row: dict[str, Any] = {"epoch": trainer.current_epoch, "step": self.step}
        row["learning_rate"] = learning_rate(trainer.optimizers[0])
        row |= {f"train_{name}": value for name, value in self.task.train_totals.close().items()}
        row |= {f"val_{name}": value for name, value in self.task.val_totals.close().items()}
        self.tell({k.replace("_", "/", 1): v for k, v in row.items() if k.startswith(("train_", "val_"))}, row["step"])
        self.tell({"train/learning_rate": row["learning_rate"]}, row["step"])
        self.rows.append({**row, "seconds": ended - self.started})
        for _, schedule in self.task.optimized:
            schedule.epoch_ended(row.get("val_loss"))
        if self.visible:
            shown = {name.replace("_", " "): row[name] for name in ("train_loss", "val_loss") if name in row}
            self.lines.epoch_ended(trainer.current_epoch + 1, self.step, shown)
        if not all(pd.notna(value) and abs(value) != float("inf") for value in row.values()):
            raise FloatingPointError(
                f"a loss of epoch {trainer.current_epoch} is not finite: {row}. {self._last_good()}; "
                "lower training.optimizer.lr or set training.clip"
            )

    def every(self, trainer: pl.Trainer) -> int:
        """The interval between recorded steps."""
        return max(1, len(self.batches) * (trainer.max_epochs or 1) // MOST_STEPS)

    def _last_good(self) -> str:
        path = self.checkpoints / CHECKPOINT if self.checkpoints is not None else None
        if path is None or not path.exists():
            return "No checkpoint was saved"
        return f"The last good checkpoint is {path}"

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "steps": self.steps, "step": self.step, "train_seconds": self.train_seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows[:] = state_dict["rows"]  # early stopping reads the same list
        self.steps, self.step = state_dict["steps"], state_dict["step"]
        self.train_seconds = state_dict["train_seconds"]


class _Observed(pl.Callback):
    """Calls the observers at each epoch's end and keeps their state in the checkpoints."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self.observers = observers

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        for observer in self.observers:
            observer.epoch_ended(pl_module.task, trainer.current_epoch + 1)

    def state_dict(self) -> dict[str, Any]:
        return {str(index): observer.state_dict() for index, observer in enumerate(self.observers)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        for index, observer in enumerate(self.observers):
            observer.load_state_dict(state_dict[str(index)])


class _Saver(pl.Callback):
    """Saves a checkpoint at some epochs' ends; it comes last, so that the other callbacks' state is up to date."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.saved = folder, time.monotonic()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        if not trainer.strategy.broadcast(time.monotonic() - self.saved > CHECKPOINT_SECONDS):
            return
        fresh = self.folder / f".{CHECKPOINT}.{os.getpid()}.new"
        written = False
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            trainer.save_checkpoint(fresh)
            written = True
            if trainer.is_global_zero:
                files.settle(fresh)
                fresh.replace(self.folder / CHECKPOINT)
        except OSError as error:  # a full disk: losing the training would cost more than losing the checkpoint
            fresh.unlink(missing_ok=True)
            complain(f"could not save a checkpoint at epoch {trainer.current_epoch}; training continues: {error}")
            if not written:
                trainer.strategy.barrier()  # the other processes wait here
        self.saved = time.monotonic()


def _environment(training: Training) -> ClusterEnvironment:
    """How the processes find each other. A single process must not see Slurm, or Lightning would requeue the job and
    save checkpoints of its own."""
    if launch.count(training) > 1 and launch.by_srun(training):
        return SLURMEnvironment(auto_requeue=False)
    return LightningEnvironment()


def _quiet() -> None:
    """Silence Lightning's hints about its own loaders and loggers, which are not used here."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="pytorch_lightning.*")
    warnings.filterwarnings("ignore", module="lightning_fabric.*")
