"""The job `generate judge`: the classifier that all generators of a data set are measured by, trained on real images.

It learns from the train split like the generators, and saw no validation, test or made image. Where there is nothing to
classify it keeps random weights, whose features still tell sets of images apart (Naeem et al. 2020); judge.json says so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from darkroom import files, registry
from darkroom.augment.config import OnlineSpec
from darkroom.classify.config import TrainSpec
from darkroom.classify.train import train
from darkroom.data.store import labelled, needed, open_store
from darkroom.fit.model import save_model
from darkroom.fit.standardize import standardize
from darkroom.generate.config import JudgeSpec
from darkroom.generate.evaluation.spaces import JUDGE
from darkroom.log import Log
from darkroom.randomness import derive

SEED = 0
"""One judge for all models and seeds, so that they are measured by the same ruler."""


def run(spec: JudgeSpec, *, data: Path, out: Path, checkpoints: Path | None = None, log: Log) -> None:
    """Train on the labelled train split of the prepared store `data`.

    Raises ValueError when there is no training image.
    """
    store = open_store(data)
    rows = labelled(store, "train")
    present = np.unique(store.labels[rows])
    if len(present) > 1:
        policy = OnlineSpec(online=spec.online)
        job = TrainSpec(network=spec.network, training=spec.training, policy=policy, seed=SEED)
        network, fitted = train(job, store, rows, held_out=labelled(store, "val"), checkpoints=checkpoints, log=log)
        about: dict[str, Any] = {"trained": True}
    else:
        torch.manual_seed(derive(SEED, "weights"))
        network, fitted = registry.build(spec.network, store.shape, len(store.classes)).eval(), None
        standardize(network, store.images, needed(store, "train", labels=False))
        named = f'only "{store.classes[present[0]]}" has' if len(present) else "no class has"
        about = {"trained": False, "reason": f"{named} labelled training images, so there is nothing to classify"}
    with files.folder(out) as fresh:
        save_model(fresh, network, plugin=spec.network, shape=store.shape, classes=store.classes, fitted=fitted)
        files.write_json(fresh / JUDGE, about)
