"""A pretraining small enough to run for every objective: digits, and a network of few channels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from darkroom import files
from darkroom.config.load import load
from darkroom.data.store import Store, describe_store, open_store
from darkroom.log import Log, silent
from darkroom.planning.plan import Plan
from darkroom.pretrain import train
from darkroom.pretrain.config import TrainSpec

NETWORKS: dict[str, Any] = {
    "resnet": {"name": "resnet", "width": 8, "stages": 2},
    "cnn": {"name": "cnn", "width": 8, "stages": 2},
    "vit": {"name": "vit", "width": 16, "depth": 1},
}


def config(objective: str = "simclr", network: str = "resnet", **more: Any) -> dict[str, Any]:
    model = {"objective": objective, "network": NETWORKS[network], "training": {"epochs": 2, "batch_size": 32}}
    return {"name": "small", "data": {"source": "sklearn"}, "pretrain": {"models": {"own": model}}, **more}


def spec(objective: str = "simclr", network: str = "resnet", **training: Any) -> TrainSpec:
    raw = config(objective, network)
    raw["pretrain"]["models"]["own"]["training"].update(training)
    found = Plan(load(raw, path="small.yaml", need_data=False)).resolved("pretrain train", model="own")
    assert isinstance(found, TrainSpec)
    return found


def subset(digits: Path, out: Path, *, train: int = 96, others: int = 40) -> Path:
    """Write a store of some of the digits: the first of each split."""
    store = open_store(digits)
    rows = np.concatenate(
        [store.rows(split)[:count] for split, count in (("train", train), ("val", others), ("test", others))]
    )
    return written(store, out, store.samples[rows], store.items.iloc[rows].reset_index(drop=True))


def written(store: Store, out: Path, images: Any, items: pd.DataFrame) -> Path:
    with files.folder(out) as fresh:
        np.save(fresh / "samples.npy", images)
        describe_store(fresh, name=store.name, classes=store.classes, items=items)
    return out


def pretrain(data: Path, out: Path, wanted: TrainSpec, *, log: Log = silent, checkpoints: Path | None = None) -> Path:
    train.run(wanted, data=data, out=out, log=log, checkpoints=checkpoints)
    return out
