"""Fit a classifier that has its own algorithm in place of gradient steps: the estimators of tables, n-grams of texts."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import nn

from darkroom import registry
from darkroom.augment.classes import class_counts
from darkroom.classify.config import TrainSpec
from darkroom.classify.targets.kinds import learned
from darkroom.data.store import Store
from darkroom.fit.model import Fitted, predict
from darkroom.fit.sampling import SAMPLINGS, Sampling
from darkroom.nets.estimator import Estimator
from darkroom.randomness import derive

Rows = NDArray[np.int64]


def fit(
    network: Estimator,
    spec: TrainSpec,
    store: Store,
    rows: Rows,
    *,
    held_out: Rows,
    copies: Store | None,
    sampling: Sampling,
) -> Fitted:
    """Fit to the training rows and all copies of them; the history has one row.

    What the policy does about unequal classes becomes weights, or rows that repeat or are left out once for the whole fit.
    With copies, the classes are as the copies make them. Raises ValueError if the target is not one class, or the policy
    transforms batches.
    """
    name = spec.network.name  # type: ignore[attr-defined]
    if store.target.kind != "class":
        raise ValueError(f"{name} predicts one class; for {store.target.kind} use a network trained in batches")
    if spec.policy.online or spec.semi is not None:
        what = "transforms batches" if spec.policy.online else "learns without labels (semi)"
        raise ValueError(f"{name} is not trained in batches, but its policy or model {what}; use another network")
    samples, labels = np.asarray(store.samples[rows]), store.labels[rows]
    if copies is not None:
        inside = copies.items["parent"].isin(store.items["id"].to_numpy()[rows]).to_numpy()
        samples = np.concatenate([samples, np.asarray(copies.samples[inside])])
        labels = np.concatenate([labels, copies.labels[inside]])
    elif sampling != "shuffled":
        order = SAMPLINGS[sampling](labels, np.random.default_rng(derive(spec.seed, "epoch", 0)))
        samples, labels = samples[order], labels[order]
    started = time.monotonic()
    with threadpool_limits(spec.training.threads):
        network.fit(samples, labels, _weights(spec, labels, len(store.classes)), seed=derive(spec.seed, "estimator"))
    seconds = time.monotonic() - started
    row: dict[str, float] = {"epoch": 0, "step": 1, "learning_rate": 0.0}
    for part, chosen in {"train": rows, "val": held_out}.items():
        if len(chosen):
            row |= {f"{part}_{key}": value for key, value in _measures(network, store, chosen).items()}
    steps = pd.DataFrame({"step": [1], "loss": [row["train_loss"]]})
    return Fitted(pd.DataFrame([row]), steps, seconds, len(labels) / max(seconds, 1e-9), "fp32", channels_last=False)


def _weights(spec: TrainSpec, labels: Rows, classes: int) -> NDArray[np.float64]:
    """Return the weight of each row: that of its class by the policy's remedy, else 1."""
    counts = torch.from_numpy(class_counts(labels, classes)).float()
    found = registry.build(spec.policy.imbalance).weights(counts) if spec.policy.imbalance is not None else None
    return np.ones(len(labels)) if found is None else found.double().numpy()[labels]


def _measures(network: Estimator, store: Store, rows: Rows) -> dict[str, float]:
    kind = learned(store.target, network, "softmax")
    totals = kind.totals()
    outputs = torch.from_numpy(predict(network, store.samples, rows))
    totals.add(kind.measures(outputs, torch.from_numpy(store.labels[rows]), nn.MSELoss()), len(rows))
    return totals.close()
