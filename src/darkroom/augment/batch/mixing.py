"""Mix each image with another of its batch, and their class probabilities in the same proportion.

Each image has its own proportion and partner; each is the partner of exactly one image. Texts are mixed by the network, after
its embedding layer.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from darkroom.augment.batch.drawing import change, channels_last, coins, numpy_draws
from darkroom.augment.options import Amount, Chance
from darkroom.nets.embedding import Mixed
from darkroom.registry import register
from darkroom.settings import Positive


@register("batch transform", "mixup")
class MixUp:
    """Blend two images, recordings or texts and their classes (Zhang et al. 2017, arXiv 1710.09412).

    Of texts, the word vectors are blended (Guo et al. 2019, arXiv 1905.08941).
    """

    TAKES = ("image", "audio", "text")

    def __init__(
        self,
        *,
        alpha: Annotated[
            Positive, Field(description="both parameters of the proportion's Beta distribution; 1 is uniform")
        ] = 0.2,
        p: Annotated[Chance, Amount("mixup")] = 1.0,
    ) -> None:
        self.alpha, self.p = alpha, p

    def __call__(
        self, images: Tensor, targets: Tensor, strength: Tensor, draws: torch.Generator
    ) -> tuple[Tensor | Mixed, Tensor]:
        chosen = coins(self.p * strength, len(images), draws)
        share = beta(self.alpha, len(images), draws)
        partner = torch.randperm(len(images), generator=draws)
        if not images.is_floating_point():
            return _mixed_texts(images, chosen, share, partner), mixed(targets, chosen, share, partner)
        whole = channels_last(images if images.ndim == 4 else images[:, None, None])

        def blend(part: Tensor, own: Tensor, other: Tensor) -> Tensor:
            return torch.lerp(part, whole[other], 1 - own[:, None, None, None])

        blended = change(whole, chosen, blend, share, partner)
        return blended if images.ndim == 4 else blended[:, 0, 0], mixed(targets, chosen, share, partner)


@register("batch transform", "cutmix")
class CutMix:
    """Paste a rectangle of another image; classes mix by its area (Yun et al. 2019, arXiv 1905.04899)."""

    def __init__(
        self,
        *,
        alpha: Annotated[
            Positive, Field(description="both parameters of the Beta distribution of the area kept; 1 is uniform")
        ] = 1.0,
        p: Annotated[Chance, Amount("cutmix")] = 1.0,
    ) -> None:
        self.alpha, self.p = alpha, p

    def __call__(
        self, images: Tensor, targets: Tensor, strength: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        height, width = images.shape[-2:]
        chosen = coins(self.p * strength, len(images), draws)
        side = (1 - beta(self.alpha, len(images), draws)).sqrt()
        top, bottom = edges(side, height, draws)
        left, right = edges(side, width, draws)
        partner = torch.randperm(len(images), generator=draws)
        whole = channels_last(images)

        def paste(part: Tensor, top: Tensor, bottom: Tensor, left: Tensor, right: Tensor, other: Tensor) -> Tensor:
            inside = boxes(height, width, top, bottom, left, right)
            return torch.where(inside[:, None], whole[other], part)

        made = change(images, chosen, paste, top, bottom, left, right, partner)
        kept = 1 - ((bottom - top) * (right - left)) / (height * width)
        return made, mixed(targets, chosen, kept, partner)


def beta(alpha: float, count: int, draws: torch.Generator) -> Tensor:
    """Draw from the Beta distribution (B,) with both parameters `alpha`."""
    return torch.from_numpy(numpy_draws(draws).beta(alpha, alpha, count)).float()


def edges(side: Tensor, length: int, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw first and end pixels (B,), end exclusive, of intervals of fraction `side` of a length, centered uniformly, clipped."""
    reach = (side * length).long()
    middle = torch.randint(length, (len(side),), generator=draws)
    first = middle - reach // 2
    return first.clamp(min=0), (first + reach).clamp(max=length)


def boxes(height: int, width: int, top: Tensor, bottom: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """Return the mask (B, H, W) of each image's box; edges (B,) in pixels, `bottom` and `right` exclusive."""
    y = torch.arange(height, device=top.device)
    x = torch.arange(width, device=top.device)
    rows = (y >= top[:, None]) & (y < bottom[:, None])
    columns = (x >= left[:, None]) & (x < right[:, None])
    return rows[:, :, None] & columns[:, None, :]


def _mixed_texts(tokens: Tensor, chosen: Tensor, share: Tensor, partner: Tensor) -> Mixed:
    """Return texts with their partners; a text that is not chosen is its own."""
    chosen, share, partner = (each.to(tokens.device) for each in (chosen, share, partner))
    return Mixed(tokens, torch.where(chosen[:, None], tokens[partner], tokens), torch.where(chosen, share, 1.0))


def mixed(targets: Tensor, chosen: Tensor, share: Tensor, partner: Tensor) -> Tensor:
    """Mix class probabilities (B, K): chosen images keep `share` of their own and get the rest from their partner."""
    own = torch.where(chosen, share, torch.ones(())).to(targets)[:, None]
    return own * targets + (1 - own) * targets[partner.to(targets.device)]
