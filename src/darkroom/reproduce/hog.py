"""Histograms of oriented gradients (Dalal & Triggs 2005), with bilinear votes between orientations and none between cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CELL, BLOCK, BINS = 4, 2, 9
"""Pixels along a cell, cells along a block, orientations from 0 to 180 degrees."""
CLIP = 0.2
"""Largest entry of a block before it is normalized a second time (L2-Hys)."""
CHUNK = 2000


def features(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the descriptors (N, D) of gray images (N, H, W, 1): all overlapping blocks of histograms, normalized."""
    return np.concatenate([_features(images[start : start + CHUNK]) for start in range(0, len(images), CHUNK)])


def _features(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    gray = np.sqrt(images[..., 0].astype(np.float32) / 255)  # gamma compression
    down, right = np.gradient(gray, axis=(1, 2))
    angle = np.arctan2(down, right) % np.pi * (BINS / np.pi) - 0.5
    lower = np.floor(angle)
    upward = np.hypot(down, right) * (angle - lower)
    votes = np.zeros((*gray.shape, BINS), np.float32)
    for shift, vote in enumerate((np.hypot(down, right) - upward, upward)):
        bins = ((lower + shift) % BINS).astype(np.int64)
        np.put_along_axis(votes, bins[..., None], vote[..., None], 3)
    count, height, width, _ = votes.shape
    rows, columns = height // CELL, width // CELL
    cells = votes[:, : rows * CELL, : columns * CELL].reshape(count, rows, CELL, columns, CELL, BINS).sum((2, 4))
    blocks = np.stack(
        [cells[:, i : rows - BLOCK + 1 + i, j : columns - BLOCK + 1 + j] for i in range(BLOCK) for j in range(BLOCK)],
        axis=3,
    ).reshape(count, (rows - BLOCK + 1) * (columns - BLOCK + 1), -1)
    clipped = np.minimum(_unit(blocks), CLIP)
    found: NDArray[np.float32] = _unit(clipped).reshape(count, -1).astype(np.float32)
    return found


def _unit(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = blocks / np.sqrt(np.square(blocks).sum(-1, keepdims=True) + 1e-10)
    return found
