"""Build networks that are ready for training: pretrained weights, and preprocessing that is saved with the network."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from darkroom import registry
from darkroom.nets.layers import Standardize
from darkroom.settings import Section


def untrained(
    options: Section, shape: tuple[int, int, int], classes: int, *, images: NDArray[np.uint8], rows: NDArray[np.int64]
) -> Any:
    """Build the network that options name, for images of shape (C, H, W) and a number of classes.

    Loads its pretrained weights if it has any, and otherwise fits its preprocessing to these rows of images (N, H, W, C).
    Raises ValueError if the weights cannot be loaded.
    """
    network = registry.build(options, shape, classes)
    if hasattr(network, "load_pretrained"):
        network.load_pretrained()  # with the normalization that its backbone was trained with
    else:
        standardize(network, images, rows)
    return network


def standardize(network: nn.Module, images: NDArray[np.uint8], rows: NDArray[np.int64], *, most: int = 5000) -> None:
    """Fit the network's `Standardize` layers to these rows of images (N, H, W, C), evenly subsampled to `most`."""
    layers = [module for module in network.modules() if isinstance(module, Standardize)]
    chosen = rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(np.int64)]
    pixels = images[chosen].astype(np.float32) / 255
    mean, std = torch.from_numpy(pixels.mean((0, 1, 2))), torch.from_numpy(pixels.std((0, 1, 2)))
    for layer in layers:
        layer.fit(mean, std)
