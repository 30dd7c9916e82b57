"""A short training on noise, which the tests of this family share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from darkroom import registry
from darkroom.fit.batches import Batches, Pool
from darkroom.fit.model import Fitted
from darkroom.fit.trainer import fit
from darkroom.generate.config import GeneratorTraining
from darkroom.generate.model import GenerativeModel
from darkroom.log import Log, silent


@pytest.fixture
def train() -> Callable[..., tuple[GenerativeModel, Fitted]]:
    """Trains a fresh model of three classes on 24 images (1, 8, 8), three steps an epoch."""
    images = np.random.default_rng(0).integers(0, 256, (24, 8, 8, 1), dtype=np.uint8)

    def batches(items: int, seed: int | None) -> Batches:
        rows = np.arange(items)
        return Batches(Pool([images]), rows[:, None], rows % 3, batch_size=8, seed=seed)

    def run(
        name: str, *, epochs: int = 2, checkpoints: Path | None = None, log: Log = silent, **options: object
    ) -> tuple[GenerativeModel, Fitted]:
        torch.manual_seed(0)
        model: GenerativeModel = registry.build(registry.options("generator", name)(**options), (1, 8, 8), 3)
        training = GeneratorTraining(epochs=epochs, batch_size=8)
        task = model.task(training)
        return model, fit(task, batches(24, 0), batches(8, None), seed=0, log=log, checkpoints=checkpoints)

    return run
