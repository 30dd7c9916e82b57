"""What is left of test images on the way through a detector: the error of normal ones, and some of both kinds to look at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom.data.store import Store
from darkroom.detect.detector import Detector
from darkroom.fit.batches import as_float
from darkroom.fit.model import chunks
from darkroom.sheets import save_image, tile

ORIGINALS, RECONSTRUCTIONS = "originals.png", "reconstructions.png"
NORMAL, ANOMALOUS = 8, 4
"""Images of each kind in the strips."""
BATCH = 64

Rows = NDArray[np.int64]


@torch.inference_mode()
def squared_errors(detector: Detector, store: Store, rows: Rows) -> NDArray[np.float64] | None:
    """The squared error of each row's reconstruction (N,), its mean over pixels and channels of values in [0, 1].

    None where the detector reconstructs nothing. Raises ValueError for no rows.
    """
    found = np.empty(len(rows))  # filled in place: small arrays kept in between would scatter the memory
    for start, images in zip(range(0, len(rows), BATCH), chunks(store.images, rows, batch_size=BATCH), strict=True):
        rebuilt = detector.reconstruct(images)
        if rebuilt is None:
            return None
        found[start : start + len(images)] = (rebuilt - images).square().mean((1, 2, 3)).double().numpy()
    return found


@torch.inference_mode()
def draw_strips(detector: Detector, store: Store, normal: Rows, unusual: Rows, folder: Path) -> None:
    """Write one row of test images and, below the same columns of another picture, their reconstructions.

    Normal images come first, then a blank, then anomalous ones: of each kind some that lie evenly among its rows, so that
    all detectors of a task show the same ones. Nothing is written where the detector reconstructs nothing.
    """
    chosen = [_evenly(normal, NORMAL), _evenly(unusual, ANOMALOUS)]
    originals = [store.images[rows] for rows in chosen]
    rebuilt = detector.reconstruct(as_float(np.concatenate(originals)))
    if rebuilt is None:
        return
    pixels, first = as_bytes(rebuilt), len(chosen[0])
    for name, parts in ((ORIGINALS, originals), (RECONSTRUCTIONS, [pixels[:first], pixels[first:]])):
        row = np.concatenate([parts[0], np.full_like(pixels[:1], 255), parts[1]])
        save_image(tile(row, columns=len(row)), folder / name)


def as_bytes(images: Tensor) -> NDArray[np.uint8]:
    """Images (B, C, H, W) around [0, 1], cut to it, as pixels (B, H, W, C)."""
    found: NDArray[np.uint8] = (images.float().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    return found


def _evenly(rows: Rows, count: int) -> Rows:
    places = np.linspace(0, max(len(rows) - 1, 0), min(count, len(rows)))
    return rows[places.round().astype(np.int64)]
