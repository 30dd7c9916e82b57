"""What an image looks like in numbers, whatever it shows: properties that a camera, its light or its settings change."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in brightness (ITU-R BT.601)."""
NOISE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float64)
"""Difference of two Laplacians, which cancels edges (Immerkær 1996)."""


def measured(images: NDArray[np.uint8]) -> dict[str, Floats]:
    """Return the attributes (B,) of prepared images (B, H, W, C) by name.

    `brightness` and `contrast` are the mean and the standard deviation of luma in [0, 255], `sharpness` the variance of its
    Laplacian, and `noise` the standard deviation of white noise that would give its difference of Laplacians (Immerkær 1996).
    Color images also have `saturation`, the mean range of the channels, and the color balances `red - green` and
    `blue - green`.
    """
    found = [_one(image.astype(np.float64)) for image in images]
    return {name: np.array([each[name] for each in found]) for name in found[0]}


def _one(image: Floats) -> dict[str, float]:
    luma: NDArray[Any] = image[:, :, 0] if image.shape[2] == 1 else image @ LUMA
    attributes = {
        "brightness": float(luma.mean()),
        "contrast": float(luma.std()),
        "sharpness": float(cv2.Laplacian(luma, cv2.CV_64F).var()),
        "noise": float(np.sqrt(np.pi / 2) / 6 * np.abs(cv2.filter2D(luma, cv2.CV_64F, NOISE)).mean()),
    }
    if image.shape[2] == 3:
        red, green, blue = image.mean((0, 1))
        saturation = float((image.max(2) - image.min(2)).mean())
        attributes |= {"saturation": saturation, "red - green": red - green, "blue - green": blue - green}
    return attributes
