"""How far a reconstruction is from its image, pixel by pixel: maps (B, H, W) of values of at least 0, means over channels."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.settings import ErrorMeasure

WINDOW, SIGMA = 11, 1.5
"""The side and the standard deviation, in pixels, of the window of SSIM (Wang et al. 2004)."""
C1, C2 = 0.01**2, 0.03**2
"""What keeps SSIM's quotients finite, for values in [0, 1] (Wang et al. 2004)."""


def mse(images: Tensor, reconstructions: Tensor) -> Tensor:
    """Squared error."""
    return (images - reconstructions).square().mean(1)


def mae(images: Tensor, reconstructions: Tensor) -> Tensor:
    """Absolute error."""
    return (images - reconstructions).abs().mean(1)


def ssim(images: Tensor, reconstructions: Tensor) -> Tensor:
    """1 - SSIM, in [0, 2]: unlike in mean, contrast or structure within a Gaussian window (Wang et al. 2004).

    The window has 11×11 pixels, or the largest odd side that the image has, with a standard deviation that shrinks alike;
    at the border it is cut off and weighed anew.
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
    """Squared error, plus that of the differences between neighbouring pixels (Mathieu et al. 2016).

    The error of a difference belongs half to each of its two pixels.
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
"""Each takes images and their reconstructions, both (B, C, H, W), and gives maps."""


def smooth(maps: Tensor, sigma: float) -> Tensor:
    """Maps (B, H, W) blurred by a Gaussian of this standard deviation in pixels, cut off at the border and at 4 sigma.

    The maps themselves where it is 0.
    """
    return _blur(maps[:, None], sigma, round(4 * sigma)).squeeze(1) if sigma else maps


def _blur(values: Tensor, sigma: float, radius: int) -> Tensor:
    """Weighted means (B, C, H, W) over the pixels within `radius` along each axis, as far as they are in the image."""
    for dim in (2, 3):
        places = torch.arange(values.shape[dim], device=values.device)
        distances = (places[:, None] - places).abs()
        weights = torch.exp(-(distances / sigma).square() / 2) * (distances <= radius)
        weights = (weights / weights.sum(1, keepdim=True)).to(values.dtype)  # (H, H), then (W, W)
        values = torch.einsum("bchw,ih->bciw" if dim == 2 else "bchw,iw->bchi", values, weights)
    return values
