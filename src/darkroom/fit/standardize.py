"""Preprocessing that is saved with the network."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from darkroom.nets.layers import Standardize


def standardize(network: nn.Module, images: NDArray[np.uint8], rows: NDArray[np.int64], *, most: int = 5000) -> None:
    """Fit the network's `Standardize` layers to these rows of images (N, H, W, C), evenly subsampled to `most`."""
    chosen = rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(np.int64)]
    pixels = images[chosen].astype(np.float32) / 255
    mean, std = torch.from_numpy(pixels.mean((0, 1, 2))), torch.from_numpy(pixels.std((0, 1, 2)))
    for module in network.modules():
        if isinstance(module, Standardize):
            module.fit(mean, std)
