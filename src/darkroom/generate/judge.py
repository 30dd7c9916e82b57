"""The job `generate judge`: train the classifier that measures all generators of a data set.

It trains on the training split, like the generators, and never sees a validation, test or generated sample. If there is
nothing to classify it keeps random weights, whose features still distinguish sets of images (Naeem et al. 2020);
judge.json says so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from darkroom import files
from darkroom.augment.config import OnlineSpec
from darkroom.classify.config import TrainSpec
from darkroom.classify.train import train
from darkroom.data.kind import PLURAL
from darkroom.data.store import Store, labeled, needed, open_store
from darkroom.fit.model import Fitted, save_model
from darkroom.fit.untrained import untrained
from darkroom.generate.config import JudgeConfig, JudgeSpec
from darkroom.generate.evaluation.spaces import JUDGE
from darkroom.log import Log
from darkroom.nets import pretrained
from darkroom.randomness import derive

SEED = 0
"""One judge for all models and seeds, so that their measures compare."""


def run(
    spec: JudgeSpec, *, data: Path, weights: Path | None = None, out: Path, checkpoints: Path | None = None, log: Log
) -> None:
    """Train on the labeled samples of the training split of the prepared store `data`.

    Raises ValueError if there are no training samples.
    """
    spec, store = pretrained.localized(spec, weights), open_store(data, classes_only=True)
    rows = labeled(store, "train")
    present = np.unique(store.labels[rows])
    if len(present) > 1:
        network, fitted = judging(spec, store, checkpoints=checkpoints, log=log)
        about: dict[str, Any] = {"trained": True}
    else:
        torch.manual_seed(derive(SEED, "weights"))
        every = needed(store, "train", labels=False)
        network, fitted = (
            untrained(spec.network, store.shape, len(store.classes), samples=store.samples, rows=every),
            None,
        )
        network.eval()
        named = f'only "{store.classes[present[0]]}" has' if len(present) else "no class has"
        about = {
            "trained": False,
            "reason": f"{named} labeled training {PLURAL[store.kind]}, so there is nothing to classify",
        }
    with files.folder(out) as fresh:
        save_model(
            fresh,
            network,
            plugin=spec.network,
            shape=store.shape,
            classes=store.classes,
            fitted=fitted,
            samples=store.kind,
        )
        files.write_json(fresh / JUDGE, about)


def judging(spec: JudgeConfig, store: Store, *, checkpoints: Path | None = None, log: Log) -> tuple[nn.Module, Fitted]:
    """Train a judge on the labeled samples of the training split of a store, of at least two classes."""
    policy = OnlineSpec(online=spec.online)
    job = TrainSpec(network=spec.network, training=spec.training, policy=policy, seed=SEED)
    held_out = labeled(store, "val")
    return train(job, store, labeled(store, "train"), held_out=held_out, checkpoints=checkpoints, log=log)
