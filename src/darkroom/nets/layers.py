"""Layers shared by several networks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from darkroom.nets.options import Activations, Norms

LEAK = 0.1
"""Negative slope of the leaky ReLU."""
GROUPS, SMALLEST_GROUP = 8, 4
"""Most groups of a group normalization, and fewest channels in one: the mean of a single value is that value."""


class GroupNorm(nn.GroupNorm):
    """Group normalization (Wu & He 2018), fast in bf16 too: (B, C, H, W) in and out, channels last.

    On a CPU, PyTorch's bf16 kernel is several times slower in channels-last layout than in contiguous layout. Converting
    to contiguous and back is cheaper.
    """

    def forward(self, images: Tensor) -> Tensor:
        slow = images.dtype == torch.bfloat16 and images.device.type == "cpu"
        normal = super().forward(images.contiguous() if slow else images)
        return normal.contiguous(memory_format=torch.channels_last)


class Standardize(nn.Module):
    """Standardize each channel by the training images' mean and standard deviation: (B, C, H, W) in and out.

    The first layer of every classifier, so that a model file carries its own preprocessing.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, channels, 1, 1))
        self.register_buffer("std", torch.ones(1, channels, 1, 1))

    def fit(self, mean: Tensor, std: Tensor) -> None:
        """Set the statistics, (C,) each, in the input's units."""
        self.mean.copy_(mean.reshape(self.mean.shape))
        self.std.copy_(std.reshape(self.std.shape).clamp_min(1e-3))

    def adapt(self, images: NDArray[np.uint8]) -> None:
        """Set the statistics to those of the images (N, H, W, C)."""
        pixels = images.astype(np.float32) / 255
        self.fit(torch.from_numpy(pixels.mean((0, 1, 2))), torch.from_numpy(pixels.std((0, 1, 2))))

    def forward(self, images: Tensor) -> Tensor:  # (B, C, H, W)
        return (images - self.mean) / self.std


class DropPath(nn.Module):
    """Stochastic depth (Huang et al. 2016): zero a residual branch (B, ...) for a share `rate` of the images in training.

    As in timm and torchvision, the rest is divided by 1 - rate, one draw per image, and nothing is scaled in testing; the
    paper draws once per batch and scales in testing, which has the same expectation.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return branch
        kept = torch.rand(len(branch), *[1] * (branch.ndim - 1), device=branch.device) >= self.rate
        return branch * kept / (1 - self.rate)

    def extra_repr(self) -> str:
        return f"rate={self.rate:g}"


class ClassicDropout(nn.Module):
    """Dropout as first published (Srivastava et al. 2014): plain zeros in training, and a factor 1 - rate in testing."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        return x * (torch.rand_like(x) >= self.rate) if self.training else x * (1 - self.rate)


class Shortcut(nn.Sequential):
    """Layers whose input is added to their output."""

    def forward(self, x: Tensor) -> Tensor:
        changed = x
        for layer in self:
            changed = layer(changed)
        return x + changed


def activation(name: Activations) -> nn.Module:
    """Return an activation function as a module."""
    return ACTIVATIONS[name]()


def norm(name: Norms, channels: int, *, dimensions: int) -> nn.Module:
    """Return a normalization of (B, channels) for 0 spatial dimensions, of (B, channels, H, W) for 2.

    `layer` is over all channels and places of an image, as in Ba et al. 2016.
    """
    if name == "none":
        return nn.Identity()
    if name == "batch":
        return nn.BatchNorm2d(channels) if dimensions else nn.BatchNorm1d(channels)
    groups = 1
    if name == "group":
        fits = [n for n in range(1, GROUPS + 1) if channels % n == 0 and channels // n >= SMALLEST_GROUP]
        groups = max(fits, default=1)
    return GroupNorm(groups, channels) if dimensions else nn.GroupNorm(groups, channels)


ACTIVATIONS: dict[Activations, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(LEAK),
    "prelu": nn.PReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "identity": nn.Identity,
}
