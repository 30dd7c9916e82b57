"""Masked autoencoder (He et al. 2022, arXiv 2111.06377): reconstruct the pixels of hidden patches.

A `vit` sees only the visible patches, and a small transformer decodes them, as in the paper. A convolutional network cannot
leave patches out: it sees the mean color in their place, and one linear layer on its last feature map decodes all of them,
as SimMIM does it (Xie et al. 2022, arXiv 2111.09886).
"""

from __future__ import annotations

from typing import Annotated, Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from darkroom.nets.vit import Block, ViT
from darkroom.pretrain.objective import Objective, exact
from darkroom.pretrain.options import MaskRatio
from darkroom.registry import register
from darkroom.settings import Count

EPSILON = 1e-6
HEADS = 4


@register("objective", "masked_autoencoder")
class MaskedAutoencoder(Objective):
    """Reconstruct hidden patches of an image from the visible ones."""

    VIEWS = ({"name": "crop", "area": 0.2, "ratio": 1.33, "interpolation": "linear"}, {"name": "hflip"})
    full = 1
    embeds = False

    def __init__(
        self,
        network: Any,
        shape: tuple[int, int, int],
        *,
        mask: MaskRatio = 0.75,
        patch: Annotated[
            Count, Field(description="side of a patch in pixels; a `vit` has its own, which is used instead")
        ] = 4,
        normalize: Annotated[
            bool, Field(description="reconstruct each patch standardized by its own mean and standard deviation")
        ] = True,
        width: Annotated[
            Count, Field(multiple_of=4, description="channels of the decoder's tokens, for its 4 heads")
        ] = 64,
        depth: Annotated[Count, Field(description="transformer blocks of the decoder")] = 1,
    ) -> None:
        super().__init__(network, shape)
        self.tokens = isinstance(network, ViT)
        self.patch, self.normalize, self.mask = network.patch if self.tokens else patch, normalize, mask
        self.grid = tuple(-(-side // self.patch) for side in shape[1:])
        self.hidden = min(self.grid[0] * self.grid[1] - 1, max(1, round(mask * self.grid[0] * self.grid[1])))
        if not self.hidden:
            raise ValueError(f"patch: {self.patch} pixels leave one patch in images of {shape[1]}×{shape[2]}; lower it")
        self.scale = -(-shape[1] // _rows(network, shape))
        self.decoder: nn.Module = (
            Decoder(self.width, width, depth, self.grid, shape[0] * self.patch**2)
            if self.tokens
            else nn.Conv2d(self.width, shape[0] * self.scale**2, 1)
        )

    def losses(self, views: list[Tensor], draws: torch.Generator) -> dict[str, Tensor]:
        [images] = views
        patches = self.patches(images)  # (B, N, P)
        noise = torch.rand(patches.shape[:2], generator=draws)
        order = noise.argsort(1).to(images.device)
        hidden, seen = order[:, : self.hidden], order[:, self.hidden :]
        found = self._by_tokens(images, seen) if self.tokens else self._by_map(images, hidden)
        with exact(images):
            return {"loss": masked_error(found.float(), patches, hidden, normalize=self.normalize)}

    def patches(self, images: Tensor) -> Tensor:
        """Cut images (B, C, H, W) into patches (B, N, P), padded at the right and the bottom to whole ones."""
        height, width = images.shape[2:]
        padded = F.pad(images, (0, -width % self.patch, 0, -height % self.patch))
        return F.unfold(padded, self.patch, stride=self.patch).transpose(1, 2)

    def _by_tokens(self, images: Tensor, seen: Tensor) -> Tensor:
        tokens = self.network.tokens(images).flatten(2).transpose(1, 2)  # (B, N, D)
        visible = tokens.gather(1, seen[:, :, None].expand(-1, -1, tokens.shape[2]))
        found: Tensor = self.decoder(self.network.encode(visible), seen)
        return found

    def _by_map(self, images: Tensor, hidden: Tensor) -> Tensor:
        covered = torch.zeros(len(images), self.grid[0] * self.grid[1], device=images.device).scatter_(1, hidden, 1.0)
        covered = covered.view(-1, 1, *self.grid).repeat_interleave(self.patch, 2).repeat_interleave(self.patch, 3)
        shown = torch.lerp(images, self.network.standardize.mean, covered[:, :, : images.shape[2], : images.shape[3]])
        pixels = F.pixel_shuffle(self.decoder(self.network.feature_maps(shown)[-1]), self.scale)
        return self.patches(pixels[:, :, : images.shape[2], : images.shape[3]])


def _rows(network: Any, shape: tuple[int, int, int]) -> int:
    """Return the height of the network's last feature map."""
    with torch.no_grad():
        return int(network.feature_maps(torch.zeros(2, *shape))[-1].shape[2])


class Decoder(nn.Module):
    """Decode visible tokens (B, M, D) and their places (B, M) to all patches (B, N, P)."""

    def __init__(self, before: int, width: int, depth: int, grid: tuple[int, ...], pixels: int) -> None:
        super().__init__()
        places = grid[0] * grid[1]
        self.embed, self.last = nn.Linear(before, width), nn.Linear(width, pixels)
        self.position = nn.Parameter(torch.empty(1, places, width))
        self.masked = nn.Parameter(torch.empty(1, 1, width))
        self.blocks = nn.Sequential(
            *(Block(width, HEADS, activation="gelu", dropout=0.0, drop=0.0) for _ in range(depth)), nn.LayerNorm(width)
        )
        for parameter in (self.position, self.masked):
            nn.init.normal_(parameter, std=0.02)

    def no_weight_decay(self) -> set[str]:
        """Name the parameters that weight decay should spare besides biases and scales."""
        return {"position", "masked"}

    def forward(self, tokens: Tensor, seen: Tensor) -> Tensor:
        visible = self.embed(tokens)
        every = self.masked.to(visible.dtype).expand(len(tokens), self.position.shape[1], -1)
        every = every.scatter(1, seen[:, :, None].expand_as(visible), visible)
        patches: Tensor = self.last(self.blocks(every + self.position))
        return patches


def masked_error(found: Tensor, patches: Tensor, hidden: Tensor, *, normalize: bool) -> Tensor:
    """Return the mean squared error of reconstructed patches (B, N, P) at the hidden places (B, M)."""
    if normalize:
        variance, mean = torch.var_mean(patches, dim=2, keepdim=True)
        patches = (patches - mean) / (variance + EPSILON).sqrt()
    places = hidden[:, :, None].expand(-1, -1, patches.shape[2])
    return F.mse_loss(found.gather(1, places), patches.gather(1, places))
