"""Noise and blur."""

from __future__ import annotations

import torch
from torch import Tensor

from darkroom.augment.batch.drawing import amount, between, change, coins
from darkroom.augment.batch.warp import smoothing
from darkroom.augment.options import BlurSigma, Chance, NoiseStd, NoisyShare
from darkroom.registry import register


@register("batch transform", "gauss_noise")
class GaussNoise:
    """Add Gaussian noise to every pixel and channel."""

    def __init__(
        self,
        *,
        std: NoiseStd = 0.1,
        p: Chance = 0.3,
    ) -> None:
        self.std, self.p = std, p

    def __call__(
        self, images: Tensor, targets: Tensor, strength: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        drawn = coins(self.p, len(images), draws)
        std = between(0.0, amount(self.std, strength), len(images), draws)
        height, width = images.shape[-2:]
        noise = torch.randn(int(drawn.sum()), height, width, images.shape[1], generator=draws).to(images)

        def add(part: Tensor, std: Tensor, own: Tensor) -> Tensor:
            return torch.addcmul(part, noise[own].permute(0, 3, 1, 2), std[:, None, None, None]).clamp_(0, 1)

        return change(images, drawn & (strength > 0), add, std, drawn.cumsum(0) - 1), targets


@register("batch transform", "salt_and_pepper")
class SaltAndPepper:
    """Make random pixels black or white."""

    def __init__(
        self,
        *,
        share: NoisyShare = 0.05,
        p: Chance = 0.3,
    ) -> None:
        self.share, self.p = share, p

    def __call__(
        self, images: Tensor, targets: Tensor, strength: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        drawn = coins(self.p, len(images), draws)
        share = between(0.0, amount(self.share, strength), len(images), draws)
        noise = torch.rand(int(drawn.sum()), 1, *images.shape[-2:], generator=draws).to(images)

        def sprinkle(part: Tensor, share: Tensor, own: Tensor) -> Tensor:
            half, number = share[:, None, None, None] / 2, noise[own]
            return part.masked_fill(number < half, 0.0).masked_fill(number >= 1 - half, 1.0)

        return change(images, drawn & (strength > 0), sprinkle, share, drawn.cumsum(0) - 1), targets


@register("batch transform", "gauss_blur")
class GaussBlur:
    """Blur with a Gaussian of random width."""

    def __init__(
        self,
        *,
        sigma: BlurSigma = 1.0,
        p: Chance = 0.3,
    ) -> None:
        self.sigma, self.p = sigma, p

    def __call__(
        self, images: Tensor, targets: Tensor, strength: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        chosen = coins(self.p, len(images), draws) & (strength > 0)
        most = amount(self.sigma, strength, high=20)
        return change(images, chosen, blur, between(most / 4, most, len(images), draws)), targets


def blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Blur each image (B, C, H, W) with a Gaussian of its own standard deviation (B,) in pixels."""
    count, channels, height, width = images.shape
    columns = smoothing(sigma, height) @ images.permute(0, 2, 3, 1).reshape(count, height, -1)
    turned = columns.view(count, height, width, channels).transpose(1, 2).reshape(count, width, -1)
    made = (smoothing(sigma, width) @ turned).view(count, width, height, channels)
    return made.permute(0, 3, 2, 1).clamp(0, 1)
