"""Test-time augmentation: many looks at each image, merged into one answer, and which answers that turns."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from darkroom.classify.calibration import log_softmax
from darkroom.classify.config import Merge

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
PLAIN = "plain"
GAP = 1e-6
"""How far, at most, the weights' loss may be from the least one, in nats."""
STEPS = 20_000
"""Most steps; then the loss is within log(V) / STEPS of the least one."""


def look_names(views: Sequence[Any], names: Sequence[str]) -> list[str]:
    """What each look is called, the plain image first; a view that is listed twice is numbered."""
    times, seen = Counter(names), Counter[str]()
    found = [PLAIN]
    for view, name in zip(views, names, strict=True):
        seen[name] += 1
        title = f"{name} {seen[name]}" if times[name] > 1 else name
        found += [f"{title}: {look}" for look in view.looks]
    return found


@torch.inference_mode()
def plain_logits(network: nn.Module, images: Tensor) -> Tensor:
    """Logits (B, K) of images (B, C, H, W) in [0, 1]."""
    logits: Tensor = network(images).float()
    return logits


def all_logits(network: nn.Module, views: Sequence[Any], images: Tensor) -> Tensor:
    """Logits (B, V, K) of every look at images (B, C, H, W): the plain image, then the views in order."""
    found = [plain_logits(network, images)]
    for view in views:
        found += [plain_logits(network, look) for look in view(images)]
    return torch.stack(found, 1)


def merge(logits: NDArray[Any], how: Merge, weights: Floats | None = None) -> Floats:
    """Log-probabilities (N, K) from the logits (N, V, K) of V looks; each row's probabilities sum to one.

    `mean` and `learned` average the looks' probabilities, by `weights` (V,) where given, else equally; `geometric_mean`
    and `max` are those of each class, divided by their sum.
    """
    looks = logits.shape[1]
    each = (log_softmax(logits[:, look].astype(np.float64)) for look in range(looks))  # one in memory at a time
    if how == "max":
        return log_softmax(functools.reduce(np.maximum, each))
    if how == "geometric_mean":
        return log_softmax(functools.reduce(np.add, each) / looks)
    shares = np.full(looks, 1 / looks) if weights is None else weights
    parts = (part + np.log(share) for part, share in zip(each, shares, strict=True) if share > 0)
    return log_softmax(functools.reduce(np.logaddexp, parts))


def fit_weights(logits: NDArray[Any], labels: Labels) -> Floats:
    """The weights (V,), at least zero and summing to one, whose weighted mean probability has the least cross-entropy.

    Takes logits (N, V, K) and labels (N,). The problem is convex; expectation maximisation for mixture weights starts at
    equal weights, lowers the loss with every step, and stops where it is provably within `GAP` of the least one. The
    order of the items does not matter, to the last bit. Without items the weights are equal.
    """
    items, looks = logits.shape[:2]
    weights = np.full(looks, 1 / looks)
    if not items:
        return weights
    rows = np.arange(items)
    true = np.stack([log_softmax(logits[:, v].astype(np.float64))[rows, labels] for v in range(looks)], 1)
    chances = np.exp(true - true.max(1, keepdims=True))  # a factor an item changes no weight, and none may be 0
    chances = chances[np.lexsort(chances.T)]
    for _ in range(STEPS):
        # the loss is convex, so the largest of these less one bounds how much is left to gain
        gains = (chances / (chances * weights).sum(1, keepdims=True)).mean(0)
        if gains.max() - 1 < GAP:
            break
        weights = weights * gains
        weights /= weights.sum()
    return weights


def turned(predictions: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """The items that one of two answers has right and the other wrong, the fixed ones first; classes by name.

    Takes a row an item: `id`, `label`, and `prediction_` and `confidence_` of `plain` and `tta`, labels as numbers. Keeps
    the index of each row.
    """
    right = {name: predictions[f"prediction_{name}"] == predictions["label"] for name in (PLAIN, "tta")}
    fixed, broken = right["tta"] & ~right[PLAIN], right[PLAIN] & ~right["tta"]
    found = pd.concat([predictions[fixed], predictions[broken]])
    kinds = ["fixed"] * int(fixed.sum()) + ["broken"] * int(broken.sum())
    names = {"label": "label", "prediction_plain": PLAIN, "prediction_tta": "tta"}
    columns: dict[str, Any] = {"id": found["id"].tolist(), "turned": kinds}
    columns |= {name: [classes[label] for label in found[column]] for column, name in names.items()}
    columns |= {f"{name}_confidence": found[f"confidence_{name}"].round(4) for name in (PLAIN, "tta")}
    return pd.DataFrame(columns, index=found.index)
