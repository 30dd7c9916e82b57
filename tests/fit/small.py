"""A training small enough to run many times: 60 random images, four steps per epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.fit import trainer
from darkroom.fit.batches import Batches, Pool
from darkroom.fit.config import Training
from darkroom.fit.model import Fitted
from darkroom.fit.task import Task
from darkroom.log import silent


class Small(Task):
    """Minimizes cross-entropy."""

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        return {"loss": F.cross_entropy(self.network(images).float(), labels)}


def batches(rows: int = 60, *, seed: int | None = 0) -> Batches:
    random = np.random.default_rng(0)
    images, labels = random.integers(0, 256, (60, 6, 6, 1), dtype=np.uint8), random.integers(0, 3, 60)
    return Batches(Pool([images]), np.arange(rows)[:, None], labels[:rows], batch_size=16, seed=seed)


def train(
    epochs: int = 3,
    *,
    seed: int = 0,
    checkpoints: Path | None = None,
    log: Any = silent,
    kind: type[Small] = Small,
    validate: bool = True,
    **training: Any,
) -> tuple[Small, Fitted]:
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 3))
    task = kind(network, Training(epochs=epochs, batch_size=16, **training))
    val = batches(20, seed=None) if validate else None
    return task, trainer.fit(task, batches(seed=seed), val, seed=seed, log=log, checkpoints=checkpoints)


def weights(task: Task) -> dict[str, Tensor]:
    return dict(task.network.state_dict())


def same(one: Task, other: Task) -> bool:
    return all(torch.equal(value, weights(other)[name]) for name, value in weights(one).items())


def interrupted(folder: Path, monkeypatch: pytest.MonkeyPatch, *, at: int, epochs: int, **options: Any) -> None:
    """Train, saving at every epoch's end, until the end of epoch `at` (from 1) is recorded; leaves a checkpoint."""
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", -1.0)

    def stop(values: dict[str, float], step: int | None = None) -> None:
        if "val/loss" in values and step == 4 * at:
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train(epochs, checkpoints=folder, log=stop, **options)
    assert (folder / trainer.CHECKPOINT).exists()
