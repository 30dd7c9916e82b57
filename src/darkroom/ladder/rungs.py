"""Fit one rung of the ladder and see which images it gets right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from darkroom import registry
from darkroom.classify.config import Classifier, TrainSpec
from darkroom.classify.train import train
from darkroom.classify.transfer.adaptation import STAGES
from darkroom.classify.transfer.frozen import Features
from darkroom.data.store import Store
from darkroom.fit.model import Fitted, predict
from darkroom.ladder import work
from darkroom.log import silent

Rows = NDArray[np.int64]

HEAD = 3e-4
"""Seconds per image and class to fit a head with cross-validated strength."""
IMAGES = 64
"""Images per forward pass."""


@dataclass(frozen=True)
class Fits:
    """Fits rungs to rows of one store, and predicts others."""

    store: Store
    features: tuple[Path, Features] | None
    """The folder with the features of all rows, and what it contains."""
    backbone: str | None
    threads: int

    def fit(self, rung: Classifier, rows: Rows, *, seed: int) -> tuple[nn.Module, Fitted]:
        """Train a rung on these rows."""
        chosen = {name: getattr(rung, name) for name in type(rung).model_fields}
        spec = TrainSpec(seed=seed, backbone=self.backbone, **chosen)
        folder = self.features[0] if self.features and rung.transfer else None
        held_out = np.empty(0, np.int64)  # the ladder validates on images of its own
        return train(spec, self.store, rows, held_out=held_out, features=folder, log=silent)

    def predictions(self, rung: Classifier, network: Any, rows: Rows) -> Rows:
        """Return the predicted labels of these rows."""
        if frozen(rung) and self.features:
            with torch.inference_mode():
                logits = network.head(torch.from_numpy(self.features[1].of(rows))).numpy()
        else:
            logits = predict(network, self.store.samples, rows, batch_size=IMAGES, workers=self.threads)
        return np.asarray(logits.argmax(1), np.int64)


@dataclass(frozen=True)
class Cost:
    """Counted seconds of a rung; see `work`."""

    rung: Classifier
    work: work.Work
    classes: int
    threads: int

    def fit(self, images: int, epochs: int | None = None) -> float:
        """Return the seconds to train on this many images; by default for the rung's own number of epochs."""
        head = HEAD * images * self.classes if self.rung.transfer else 0.0
        if frozen(self.rung):
            return head
        training = self.rung.training
        steps = -(-images // training.batch_size)
        epoch = images * _area(self.rung) * self.work.training / self.threads + steps * work.BATCH
        return work.START + head + (training.epochs if epochs is None else epochs) * epoch

    def predict(self, images: int) -> float:
        """Return the seconds to predict this many images; those on frozen features have them already."""
        return 0.0 if frozen(self.rung) else self.features(images)

    def features(self, images: int) -> float:
        """Return the seconds to run the network on this many images."""
        return images * self.work.predicting / self.threads


def frozen(rung: Classifier) -> bool:
    """Return whether a rung only fits a head to frozen features."""
    return rung.transfer is not None and not registry.build(rung.transfer).gradient


def costs(rungs: Mapping[str, Classifier], store: Store, *, threads: int) -> dict[str, Cost]:
    """Count the work of every rung on the images of a store."""
    return {name: Cost(rung, _work(rung, store), len(store.classes), threads) for name, rung in rungs.items()}


def _work(rung: Classifier, store: Store) -> work.Work:
    network = registry.build(rung.network, store.shape, len(store.classes))
    if rung.transfer and not frozen(rung):
        registry.build(rung.transfer).prepare(network)
    return work.count(network, store.shape, precision=rung.training.precision)


def _area(rung: Classifier) -> float:
    """Return the mean area that a rung trains on, relative to its full images; below 1 with progressive resizing."""
    start = getattr(rung.transfer, "start_size", 1.0)
    sides = start + (1 - start) * np.arange(STAGES) / (STAGES - 1)
    return float(np.mean(sides**2))
