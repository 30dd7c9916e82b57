"""Reconstructions of test images: the error of normal ones, and a strip of examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom.data.store import Store
from darkroom.detect.detector import Detector
from darkroom.fit.batches import as_tensor
from darkroom.fit.model import chunks
from darkroom.sheets import save_image, tile

ORIGINALS, RECONSTRUCTIONS = "originals.png", "reconstructions.png"
NORMAL, ANOMALOUS = 8, 4
"""Images of each kind in the strips."""
BATCH = 64

Rows = NDArray[np.int64]


@torch.inference_mode()
def squared_errors(detector: Detector, store: Store, rows: Rows) -> NDArray[np.float64] | None:
    """Return the mean squared error (N,) of each row's reconstruction, over the values of a sample: pixels in [0, 1].

    None if the detector makes no reconstructions. Raises ValueError for no rows.
    """
    found = np.empty(len(rows))  # filled in place: keeping many small arrays would fragment memory
    for start, images in zip(range(0, len(rows), BATCH), chunks(store.samples, rows, batch_size=BATCH), strict=True):
        rebuilt = detector.reconstruct(images)
        if rebuilt is None:
            return None
        found[start : start + len(images)] = (
            (rebuilt - images).square().mean((*range(1, images.ndim),)).double().numpy()
        )
    return found


@torch.inference_mode()
def draw_strips(detector: Detector, store: Store, normal: Rows, anomalous: Rows, folder: Path) -> None:
    """Write a row of test images and, as a second picture, the row of their reconstructions.

    Normal images come first, then a blank, then anomalous ones, evenly spaced among the rows of their kind, so that all
    detectors of a task show the same images. Writes nothing if the detector makes no reconstructions.
    """
    chosen = [_evenly(normal, NORMAL), _evenly(anomalous, ANOMALOUS)]
    originals = [store.samples[rows] for rows in chosen]
    rebuilt = detector.reconstruct(as_tensor(np.concatenate(originals)))
    if rebuilt is None:
        return
    pixels, first = as_bytes(rebuilt), len(chosen[0])
    for name, parts in ((ORIGINALS, originals), (RECONSTRUCTIONS, [pixels[:first], pixels[first:]])):
        row = np.concatenate([parts[0], np.full_like(pixels[:1], 255), parts[1]])
        save_image(tile(row, columns=len(row)), folder / name)


def as_bytes(images: Tensor) -> NDArray[np.uint8]:
    """Clip images (B, C, H, W) to [0, 1] and return them as pixels (B, H, W, C)."""
    found: NDArray[np.uint8] = (images.float().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    return found


def _evenly(rows: Rows, count: int) -> Rows:
    places = np.linspace(0, max(len(rows) - 1, 0), min(count, len(rows)))
    return rows[places.round().astype(np.int64)]
