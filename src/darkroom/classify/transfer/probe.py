"""Probing: a head on frozen features, fitted in seconds without a training loop."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import pandas as pd
import torch
from pydantic import Field
from torch import nn

from darkroom import registry
from darkroom.augment.config import OnlineSpec
from darkroom.classify.targets.kinds import learned
from darkroom.classify.transfer.frozen import Features, Rows
from darkroom.classify.transfer.head_first import HeadFirst
from darkroom.classify.transfer.heads.examples import BLOCK
from darkroom.data.store import Store
from darkroom.fit.model import Fitted
from darkroom.nets.transfer import Pretrained
from darkroom.registry import Plugin, register
from darkroom.settings import Section


@register("transfer", "probe")
class Probe(HeadFirst):
    """Fit a head to frozen features of the images and of augmented views of them; nothing else changes."""

    gradient = False

    def __init__(
        self,
        *,
        head: Annotated[
            Section,
            Plugin("head", default="logistic"),
            Field(validate_default=True, description="which head, with its options"),
        ] = "logistic",  # type: ignore[assignment]
        views: Annotated[
            int,
            Field(ge=0, le=100, description="augmented views of each training image, if the policy transforms images"),
        ] = 4,
    ) -> None:
        super().__init__(registry.build(head))
        self.views = views

    def fit(
        self,
        network: Pretrained,
        store: Store,
        rows: Rows,
        held_out: Rows,
        *,
        features: Path | None,
        policy: OnlineSpec,
        seed: int,
    ) -> Fitted:
        """Fit the head to the training rows; the history has one row, with the measures of training and held-out images."""
        started = time.monotonic()
        known = self.begin(network, store, rows, features=features, policy=policy, seed=seed, also=held_out)
        seconds = time.monotonic() - started
        row: dict[str, float] = {"epoch": 0, "step": 1, "learning_rate": 0.0}
        for name, chosen in {"train": rows, "val": held_out}.items():
            if len(chosen):
                row |= {f"{name}_{key}": value for key, value in _measures(network, known, store, chosen).items()}
        steps = pd.DataFrame({"step": [1], "loss": [row["train_loss"]]})
        return Fitted(pd.DataFrame([row]), steps, seconds, len(rows) / seconds, "fp32", channels_last=True)


@torch.inference_mode()
def _measures(network: Pretrained, known: Features, store: Store, rows: Rows) -> dict[str, float]:
    """Return the measures of the target, such as cross-entropy and accuracy, block by block."""
    head, numbers = network.head.eval(), store.target.kind == "numbers"
    kind = learned(store.target, network, "softmax")
    totals, targets = kind.totals(), torch.tensor(store.targets)
    for start in range(0, len(rows), BLOCK):
        some = rows[start : start + BLOCK]
        outputs = head(torch.from_numpy(known.of(some)))
        outputs = network.rescale(outputs) if numbers else outputs  # type: ignore[operator]
        totals.add(kind.measures(outputs, targets[some], nn.MSELoss()), len(some))
    return totals.close()
