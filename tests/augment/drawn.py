"""Pipelines of offline transforms, and images to draw from."""

import cv2
import numpy as np

from darkroom import registry
from darkroom.augment.config import Policy
from darkroom.augment.pipeline import Pipeline

NAMES = list(registry.taking("transform", "image"))
FILLED = ("rotate", "translate", "scale", "shear", "affine", "elastic")
MOVE = ("hflip", "vflip", "rotate90", "crop", "perspective", *FILLED)
COLORED = ("saturation", "hue", "grayscale")
SIZES = [(8, 8), (28, 20), (33, 17), (28, 28)]


def pipeline(*transforms, size=(28, 28), seed=0):
    return Pipeline(Policy(offline=list(transforms)).offline, size, seed=seed)


def always(name):
    """A transform with its default options that is always applied."""
    return {"name": name, "p": 1}


def photograph(size, channels, seed=0):
    """Smooth blobs over most of the range: what noise and compression work on."""
    smooth = cv2.GaussianBlur(noise(size, channels, seed), (0, 0), min(size) / 12).reshape(*size, channels)
    low, high = smooth.min(), smooth.max()
    return ((smooth - low) * (220 / (high - low)) + 20).astype(np.uint8)


def noise(size, channels=1, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size, channels), np.uint8)


def blobs(size):
    """A binary picture of random squares of four pixels, 0 or 255."""
    cells = np.random.default_rng(3).integers(0, 2, (size[0] // 2 + 1, size[1] // 2 + 1), np.uint8)
    return cells.repeat(2, 0).repeat(2, 1)[: size[0], : size[1]] * 255
