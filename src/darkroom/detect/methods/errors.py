"""Reconstruction errors per pixel: maps (B, H, W) of non-negative values, averaged over channels."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.detect.options import ErrorMeasure

WINDOW, SIGMA = 11, 1.5
"""Side and standard deviation of the SSIM window in pixels (Wang et al. 2004)."""
C1, C2 = 0.01**2, 0.03**2
"""Constants that stabilize SSIM's quotients, for values in [0, 1] (Wang et al. 2004)."""


def mse(images: Tensor, reconstructions: Tensor) -> Tensor:
    """Return the squared error."""
    return (images - reconstructions).square().mean(1)


def mae(images: Tensor, reconstructions: Tensor) -> Tensor:
    """Return the absolute error."""
    return (images - reconstructions).abs().mean(1)


def ssim(images: Tensor, reconstructions: Tensor) -> Tensor:
    """Return 1 - SSIM, in [0, 2]: the difference in mean, contrast and structure within a Gaussian window (Wang et al. 2004).

    The window has 11×11 pixels or, for smaller images, the largest odd side that fits, with its standard deviation scaled
    to match. At the border it is truncated and renormalized.
    """
    shorter = min(images.shape[2:])
    side = min(WINDOW, shorter - 1 + shorter % 2)

    def local(values: Tensor) -> Tensor:
        return _blur(values, SIGMA * side / WINDOW, side // 2)

    first, second = local(images), local(reconstructions)
    variances = local(images.square()) - first.square() + local(reconstructions.square()) - second.square()
    covariance = local(images * reconstructions) - first * second
    means = (2 * first * second + C1) / (first.square() + second.square() + C1)
    similarity = means * (2 * covariance + C2) / (variances + C2)
    return (1 - similarity).clamp_min(0).mean(1)


def gradient(images: Tensor, reconstructions: Tensor) -> Tensor:
    """Return the squared error plus that of the differences between neighboring pixels (after Mathieu et al. 2016).

    Their gradient difference loss with α = 2 compares the differences' absolute values; comparing the signed ones also
    penalizes an edge of the wrong direction. Half of each difference's error goes to either of its two pixels.
    """
    difference = images - reconstructions
    down, right = (difference.diff(dim=dim).square() / 2 for dim in (2, 3))
    sides = (F.pad(down, (0, 0, 1, 0)), F.pad(down, (0, 0, 0, 1)), F.pad(right, (1, 0)), F.pad(right, (0, 1)))
    return (difference.square() + sum(sides)).mean(1)


ERRORS: dict[ErrorMeasure, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": mse,
    "mae": mae,
    "ssim": ssim,
    "gradient": gradient,
}
"""Functions of images and their reconstructions, both (B, C, H, W), that return maps."""


def smooth(maps: Tensor, sigma: float) -> Tensor:
    """Blur maps (B, H, W) by a Gaussian with standard deviation `sigma` in pixels, truncated at the border and at 4 sigma.

    Returns the maps unchanged if `sigma` is 0.
    """
    return _blur(maps[:, None], sigma, round(4 * sigma)).squeeze(1) if sigma else maps


def _blur(values: Tensor, sigma: float, radius: int) -> Tensor:
    """Return weighted means (B, C, H, W) over the pixels within `radius` along each axis that lie inside the image."""
    for dim in (2, 3):
        places = torch.arange(values.shape[dim], device=values.device)
        distances = (places[:, None] - places).abs()
        weights = torch.exp(-(distances / sigma).square() / 2) * (distances <= radius)
        weights = (weights / weights.sum(1, keepdim=True)).to(values.dtype)  # (H, H), then (W, W)
        values = torch.einsum("bchw,ih->bciw" if dim == 2 else "bchw,iw->bchi", values, weights)
    return values
