"""Memorization: whether samples repeat training images, with the closest pairs to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom import sheets
from darkroom.data.store import Store
from darkroom.generate.evaluation.spaces import Images
from darkroom.measure import memorization
from darkroom.measure.memorization import Nearest, near_copies, nearest, quantiles, threshold
from darkroom.randomness import derive

RESAMPLES = 1000
CLOSEST = 12
"""Pairs listed and drawn: the samples that are most like near-copies."""


def memorized(store: Store, rows: NDArray[np.int64], samples: Images, *, seed: int) -> tuple[dict[str, Any], Nearest]:
    """Return the entry `memorization` of metrics.json, and the nearest training image of each sample, by store row.

    `rows` are real images that the model never saw.
    """
    train = store.rows("train")
    training = store.samples[train]
    made, held_out = nearest(samples, training), nearest(store.samples[rows], training)
    return compared(store, train, made, held_out, seed=seed)


def compared(
    store: Store, train: NDArray[np.int64], made: Nearest, held_out: Nearest, *, seed: int
) -> tuple[dict[str, Any], Nearest]:
    """Return the same from the nearest of the training samples `train` to generated and to held-out ones."""
    made = Nearest(train[made.row], made.distance, made.ratio)
    draws = np.random.default_rng(derive(seed, "near copies"))
    found = {
        "training": len(train),
        "expected": memorization.EXPECTED,
        "threshold": threshold(held_out.ratio),
        "near_copies": near_copies(made.ratio, held_out.ratio, resamples=RESAMPLES, generator=draws),
        "samples": {"distance": quantiles(made.distance), "ratio": quantiles(made.ratio)},
        "held_out": {"distance": quantiles(held_out.distance), "ratio": quantiles(held_out.ratio)},
        "closest": _closest(made, store),
    }
    return found, made


def _closest(made: Nearest, store: Store) -> list[dict[str, Any]]:
    order = np.lexsort((made.distance, made.ratio))[:CLOSEST]
    ids = store.items["id"].to_numpy()
    return [
        {
            "sample": int(index),
            "row": int(made.row[index]),
            "id": str(ids[made.row[index]]),
            "distance": float(made.distance[index]),
            "ratio": float(made.ratio[index]),
        }
        for index in order
    ]


def draw_closest(closest: list[dict[str, Any]], samples: Images, store: Store, path: Path) -> None:
    """Draw the closest pairs, nearest first: samples on top, their nearest training images below."""
    above = samples[[pair["sample"] for pair in closest]]
    below = store.samples[[pair["row"] for pair in closest]]
    sheets.save_image(sheets.tile(np.concatenate([above, below]), columns=len(closest), height=56), path)
