"""Measure whether images have an up and a down, or a left and a right: does a mirror image look unlike the others?

A linear classifier learns on half of a sample to tell images from their mirror images, and is tested on the other half; then
the halves change places. If mirroring changes nothing about how the images look, each answer is a coin toss, whatever the
classifier learned. A high accuracy proves a direction; one near a half does not rule it out, so the classifier sees what
usually gives an orientation away: light, color and edges.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.measure.proportion import Interval, wilson

CHANCE = 0.5
DIRECTED = 0.6
"""Accuracy from which images have a direction."""
SIDE = 16
"""Side of the maps that the classifier sees."""

Values = NDArray[np.float64]


def mirror_accuracy(images: NDArray[np.uint8], *, axis: int) -> Interval:
    """Return how often images (N, H, W, C) are recognized beside their mirror images along `axis` (1 or 2): a 95 % interval.

    Neighboring pairs of images stay in one half, as they may show the same object.
    """
    seen = np.stack([_maps(image) for image in images])  # (N, maps, SIDE, SIDE)
    odd = (seen - np.flip(seen, axis + 1)).reshape(len(images), -1)
    second = np.arange(len(images)) // 2 % 2 == 1
    hits = 0
    for train, test in ((odd[second], odd[~second]), (odd[~second], odd[second])):
        products = train @ train.T
        ridge = np.trace(products) / max(len(train), 1) + 1e-9
        weights = train.T @ np.linalg.solve(products + ridge * np.eye(len(train)), np.ones(len(train)))
        hits += int((test @ weights > 0).sum())
    return wilson(hits, len(images), reason="no images")


def is_directed(accuracy: Interval) -> bool | None:
    """Return True if the interval lies above `DIRECTED`, False if it lies below and covers chance, else None."""
    if accuracy["low"] > DIRECTED:
        return True
    return False if accuracy["high"] < DIRECTED and accuracy["low"] <= CHANCE else None


def _maps(image: NDArray[np.uint8]) -> Values:
    """Return maps of an image's light, color, and horizontal and vertical edges, each with mean 0 and deviation 1."""
    pixels = image.astype(np.float64)
    light = pixels.mean(axis=2)
    layers = [light, *(np.abs(edges) for edges in np.gradient(light))]
    layers += [pixels[:, :, 0] - light, pixels[:, :, 2] - light] if image.shape[2] == 3 else []
    small = np.stack([cv2.resize(layer, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for layer in layers])
    small -= small.mean(axis=(1, 2), keepdims=True)
    return np.asarray(small / (small.std(axis=(1, 2), keepdims=True) + 1), np.float64)
