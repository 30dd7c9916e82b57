"""Test-time augmentation: merge predictions over several views of each image, and list the predictions this changes."""

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
"""Tolerance of the weights' loss above the minimum, in nats."""
STEPS = 20_000
"""Maximum number of steps; after that the loss is within log(V) / STEPS of the minimum."""


def look_names(views: Sequence[Any], names: Sequence[str]) -> list[str]:
    """Return the name of each view, the plain image first; repeated views are numbered."""
    times, seen = Counter(names), Counter[str]()
    found = [PLAIN]
    for view, name in zip(views, names, strict=True):
        seen[name] += 1
        title = f"{name} {seen[name]}" if times[name] > 1 else name
        found += [f"{title}: {look}" for look in view.looks]
    return found


@torch.inference_mode()
def plain_logits(network: nn.Module, images: Tensor) -> Tensor:
    """Return logits (B, K) of images (B, C, H, W) in [0, 1]."""
    logits: Tensor = network(images).float()
    return logits


def all_logits(network: nn.Module, views: Sequence[Any], images: Tensor) -> Tensor:
    """Return logits (B, V, K) of images (B, C, H, W) for the plain image, then the views in order."""
    found = [plain_logits(network, images)]
    for view in views:
        found += [plain_logits(network, look) for look in view(images)]
    return torch.stack(found, 1)


def merge(logits: NDArray[Any], how: Merge, weights: Floats | None = None) -> Floats:
    """Merge the logits (N, V, K) of V views into log-probabilities (N, K), normalized per row.

    `mean` and `learned` average probabilities over views, weighted by `weights` (V,) if given; `geometric_mean` and `max`
    are taken per class and renormalized.
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


def pairs(logits: NDArray[Any]) -> Floats:
    """Return logits (N, V, K) of labels as those of two classes each, absent and present: (N · K, V, 2)."""
    present = logits.astype(np.float64).transpose(0, 2, 1).reshape(-1, logits.shape[1])
    return np.stack([np.zeros_like(present), present], 2)


def merge_labels(logits: NDArray[Any], how: Merge, weights: Floats | None = None) -> Floats:
    """Merge the logits (N, V, K) of V views into logits (N, K), each label as two classes."""
    both = merge(pairs(logits), how, weights)
    return (both[:, 1] - both[:, 0]).reshape(len(logits), logits.shape[2])


def merge_numbers(values: NDArray[Any], weights: Floats | None = None) -> Floats:
    """Return the mean (N, M) of predictions (N, V, M) over V views, weighted by `weights` (V,) if given."""
    views = values.shape[1]
    mean: Floats = np.einsum("nvm,v->nm", values, np.full(views, 1 / views) if weights is None else weights)
    return mean


def fit_weights(logits: NDArray[Any], labels: Labels) -> Floats:
    """Return the mixture weights (V,), nonnegative and summing to one, that minimize the cross-entropy of the mean prediction.

    Takes logits (N, V, K) and labels (N,). The problem is convex: expectation-maximization starts at equal weights, lowers
    the loss with every step, and stops when it is provably within `GAP` of the minimum. The result does not depend on the
    order of the items, to the last bit. Without items, the weights are equal.
    """
    items, looks = logits.shape[:2]
    weights = np.full(looks, 1 / looks)
    if not items:
        return weights
    rows = np.arange(items)
    true = np.stack([log_softmax(logits[:, v].astype(np.float64))[rows, labels] for v in range(looks)], 1)
    chances = np.exp(true - true.max(1, keepdims=True))  # a factor per item does not affect the weights; avoids zeros
    chances = chances[np.lexsort(chances.T)]
    for _ in range(STEPS):
        # by convexity, the largest gain minus one bounds the remaining improvement
        gains = (chances / (chances * weights).sum(1, keepdims=True)).mean(0)
        if gains.max() - 1 < GAP:
            break
        weights = weights * gains
        weights /= weights.sum()
    return weights


def turned(predictions: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Return the items that only one of the two predictions gets right, fixed ones first, with class names.

    Takes one row per item: `id`, `label`, and `prediction_` and `confidence_` of `plain` and `tta`, labels as indices.
    Keeps the index of each row.
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
