"""The job `classify train`: one network on one policy's images with one seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from darkroom import files, registry, settings
from darkroom.classify.config import TrainSpec
from darkroom.data.store import Store, labelled, needed, open_store
from darkroom.fit.batches import plain_batches, training_batches
from darkroom.fit.model import save_model
from darkroom.fit.task import Task
from darkroom.fit.trainer import fit
from darkroom.log import Log
from darkroom.nets.layers import Standardize
from darkroom.randomness import derive


class ClassifierTask(Task):
    """Cross-entropy of the logits."""

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """`loss` is the mean cross-entropy in nats."""
        return {"loss": F.cross_entropy(self.network(images).float(), labels)}

    def measures(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The loss and the share of right answers."""
        logits = self.network(images).float()
        return {"loss": F.cross_entropy(logits, labels), "accuracy": (logits.argmax(1) == labels).float().mean()}


def run(
    spec: TrainSpec, *, data: Path, copies: Path | None = None, out: Path, checkpoints: Path | None = None, log: Log
) -> None:
    """Train on the train split of the prepared store `data`, with the augmented `copies` where there are any.

    Raises ValueError when there are fewer than two classes to tell apart in the training images, or no test images to
    measure it on.
    """
    store = open_store(data)
    rows = labelled(store, "train")
    classes = np.unique(store.labels[rows])
    if len(classes) < 2:
        named = f"only {settings.quoted(store.classes[classes[0]])}" if len(classes) else "none"
        raise ValueError(
            f"classify needs training images of at least two classes; {store.name} has {named}. "
            "Add another, or leave the section out"
        )
    needed(store, "test")  # said before the training, not after it
    torch.set_num_threads(spec.training.threads)
    torch.manual_seed(derive(spec.seed, "weights"))
    network = registry.build(spec.network, store.shape, len(store.classes))
    standardize(network, store, rows)
    train = training_batches(
        store, rows, open_store(copies) if copies else None, batch_size=spec.training.batch_size, seed=spec.seed
    )
    held_out = labelled(store, "val")
    val = plain_batches(store, held_out, batch_size=256) if len(held_out) else None
    task = ClassifierTask(network, spec.training)
    fitted = fit(task, train, val, seed=spec.seed, log=log, checkpoints=checkpoints)
    with files.folder(out) as fresh:
        save_model(fresh, network, plugin=spec.network, shape=store.shape, classes=store.classes, fitted=fitted)


def standardize(network: nn.Module, store: Store, rows: NDArray[np.int64], *, most: int = 5000) -> None:
    """Set the network's `Standardize` layers from the training images, an even choice of `most` of them."""
    chosen = rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(np.int64)]
    pixels = store.images[chosen].astype(np.float32) / 255
    mean, std = torch.from_numpy(pixels.mean((0, 1, 2))), torch.from_numpy(pixels.std((0, 1, 2)))
    for module in network.modules():
        if isinstance(module, Standardize):
            module.fit(mean, std)
