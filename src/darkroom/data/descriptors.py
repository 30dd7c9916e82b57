"""Small descriptors that recognize two photographs of one object under different light.

An image is converted to gray, at most 32×32, and normalized for light: a blurred copy is subtracted and the rest divided
by its local standard deviation. The descriptors of a set are then whitened by the set's covariance (Jégou & Chum 2012,
"Negative evidences and co-occurrences in image retrieval"), so that what all images share, such as the outline of a
digit or the border of a tile, counts little and what is specific to an image counts a lot. The covariance is shrunk as in
Ledoit & Wolf 2004, so that a small set is hardly whitened.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 32
"""Larger images are reduced to this side by area averaging."""
BLUR = 1.5
"""Standard deviation in pixels of the subtracted blur; the local standard deviation is taken over twice that."""
QUIET = 2.0
"""Added to the local standard deviation, in gray levels, so that noise is not amplified."""
DIMENSIONS = 256
BLOCK = 2048

Vectors = NDArray[np.float32]
Float = TypeVar("Float", np.float32, np.float64)


def describe(images: NDArray[np.uint8], rows: NDArray[np.int64]) -> Vectors:
    """Return whitened descriptors (N, at most 256) of N rows of images (M, H, W, C), ordered by decreasing variance.

    They have length 1; a flat image has zeros. Makes two passes over the images in blocks, so the images may be larger
    than memory.
    """
    pixels = min(images.shape[1], SIDE) * min(images.shape[2], SIDE)
    total, squares, count = np.zeros(pixels), np.zeros((pixels, pixels)), 0
    for block in _blocks(images, rows):
        seen = block[block.any(axis=1)]
        total, squares, count = total + seen.sum(axis=0), squares + seen.T @ seen, count + len(seen)
    if count < 2:
        return np.zeros((len(rows), 1), np.float32)
    mean, moment = total / count, squares / count
    covariance = moment - np.outer(mean, mean)
    size = float(mean @ mean)
    fourth = (1 + size) ** 2 - 4 * (1 + size) * size + 4 * float(mean @ moment @ mean)  # because all have length 1
    values, axes = np.linalg.eigh(covariance)
    values, axes = np.maximum(values[::-1], 0), axes[:, ::-1][:, :DIMENSIONS]
    share = _shrinkage(values, fourth, count)
    scale = np.sqrt((1 - share) * values + share * values.mean() + 1e-12)[: axes.shape[1]]
    parts = []
    for block in _blocks(images, rows):
        part = (block - mean) @ axes / scale * block.any(axis=1, keepdims=True)
        parts.append(unit(part).astype(np.float32))
    return np.concatenate(parts)


def _shrinkage(values: NDArray[np.float64], fourth: float, count: int) -> float:
    """Return the shrinkage of a covariance with these eigenvalues towards the identity, 0 to 1 (Ledoit & Wolf 2004)."""
    spread = float(((values - values.mean()) ** 2).sum())
    return min(1.0, max(0.0, fourth - float((values**2).sum())) / count / spread) if spread > 0 else 1.0


def _blocks(images: NDArray[np.uint8], rows: NDArray[np.int64]) -> Iterator[NDArray[np.float64]]:
    for start in range(0, len(rows), BLOCK):
        yield np.stack([_detail(np.asarray(images[row])) for row in rows[start : start + BLOCK].tolist()])


def _detail(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the fine structure of an image (H, W, C) as a vector of mean 0 and length 1; zeros if it is flat."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.shape[2] == 3 else image[:, :, 0]
    height, width = min(gray.shape[0], SIDE), min(gray.shape[1], SIDE)
    small = cv2.resize(gray, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    fine = small - cv2.GaussianBlur(small, (0, 0), BLUR, borderType=cv2.BORDER_REFLECT)
    strength = np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), 2 * BLUR, borderType=cv2.BORDER_REFLECT))
    vector = (fine / (strength + QUIET)).ravel().astype(np.float64)
    return unit(vector - vector.mean())


def unit(vectors: NDArray[Float]) -> NDArray[Float]:
    """Normalize vectors (..., D) to length 1; those shorter than a thousandth become zeros."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(length > 1e-3, vectors / np.maximum(length, 1e-3), np.zeros_like(vectors))
