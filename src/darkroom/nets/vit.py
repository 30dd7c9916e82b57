"""A small vision transformer (Dosovitskiy et al. 2021) for small images.

As in Beyer et al. 2022 (arXiv 2205.01580), the last layer takes the mean of the tokens and there is no class token. Position
embeddings are learned. The initial weights are those of both papers' code, Xavier's.
"""

from __future__ import annotations

from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from darkroom.nets import layers
from darkroom.nets.init import initialize
from darkroom.nets.layers import DropPath
from darkroom.nets.options import Activation, Activations, Init, StochasticDepth
from darkroom.registry import register
from darkroom.settings import Count

EXPANSION = 4
"""Hidden units of a block's MLP per channel of a token."""


@register("network", "vit")
class ViT(nn.Module):
    """Transformer encoder on square patches of the image, then the mean of all tokens."""

    TRAINING = {"optimizer": {"lr": 0.005, "weight_decay": 0.05}}

    def __init__(
        self,
        shape: tuple[int, int, int],
        classes: int,
        *,
        patch: Annotated[Count, Field(description="side of a patch in pixels; each patch is one token")] = 4,
        width: Annotated[Count, Field(description="channels of a token, a multiple of `heads`")] = 64,
        depth: Annotated[Count, Field(description="transformer blocks")] = 4,
        heads: Annotated[Count, Field(description="attention heads per block")] = 4,
        activation: Activation = "gelu",
        init: Init = None,
        dropout: Annotated[float, Field(ge=0, lt=1, description="dropout rate within the blocks")] = 0.0,
        stochastic_depth: StochasticDepth = 0.0,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(
                f"network.width is {width}, which {heads} heads do not divide; make it a multiple of heads"
            )
        self.standardize = layers.Standardize(shape[0])
        self.patch = patch
        rows, columns = -(-shape[1] // patch), -(-shape[2] // patch)
        self.embed = nn.Conv2d(shape[0], width, patch, stride=patch)
        self.position = nn.Parameter(torch.empty(1, width, rows, columns))
        self.blocks = nn.ModuleList(
            Block(width, heads, activation=activation, dropout=dropout, drop=stochastic_depth * (i + 1) / depth)
            for i in range(depth)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)
        nn.init.normal_(self.position, std=width**-0.5)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        initialize(self, init, activation, last=self.head)

    def no_weight_decay(self) -> set[str]:
        """Name the parameters that weight decay should spare besides biases and scales."""
        return {"position"}

    def tokens(self, images: Tensor) -> Tensor:
        """Return the embedded patches with their positions (B, D, h, w), which are interpolated for images of another size."""
        embedded = self.embed(self.padded(self.standardize(images)))
        position: Tensor = self.position
        if embedded.shape[2:] != position.shape[2:]:
            position = F.interpolate(position, embedded.shape[2:], mode="bicubic")
        placed: Tensor = embedded + position
        return placed

    def padded(self, images: Tensor) -> Tensor:
        """Pad images at the right and the bottom to whole patches."""
        height, width = images.shape[2:]
        return F.pad(images, (0, -width % self.patch, 0, -height % self.patch))

    def encode(self, tokens: Tensor) -> Tensor:
        """Pass tokens (B, N, D), all of an image or some, through the blocks: (B, N, D)."""
        for block in self.blocks:
            tokens = block(tokens)
        normal: Tensor = self.norm(tokens)
        return normal

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """Return the tokens after the last block as a map (B, D, h, w)."""
        placed = self.tokens(images)
        encoded = self.encode(placed.flatten(2).transpose(1, 2))
        return [encoded.transpose(1, 2).unflatten(2, placed.shape[2:])]

    def features(self, images: Tensor) -> Tensor:
        """Return the input of the last layer: (B, C, H, W) to (B, D)."""
        return self.feature_maps(images)[0].mean((2, 3))

    def forward(self, images: Tensor) -> Tensor:  # (B, C, H, W) in [0, 1] -> logits (B, K)
        logits: Tensor = self.head(self.features(images))
        return logits


class Block(nn.Module):
    """Self-attention and an MLP, each after a layer normalization and with a shortcut: (B, N, D) in and out.

    A mask (B, 1, 1 or N, N) says which tokens, last, each token may attend to.
    """

    def __init__(self, width: int, heads: int, *, activation: Activations, dropout: float, drop: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, dropout)
        self.mlp = nn.Sequential(
            nn.Linear(width, EXPANSION * width),
            layers.activation(activation),
            nn.Dropout(dropout),
            nn.Linear(EXPANSION * width, width),
            nn.Dropout(dropout),
        )
        self.drop_path = DropPath(drop)

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        tokens = tokens + self.drop_path(self.attention(self.norm1(tokens), mask))
        changed: Tensor = self.drop_path(self.mlp(self.norm2(tokens)))
        return tokens + changed


class Attention(nn.Module):
    """Multi-head self-attention: (B, N, D) in and out.

    `fused_attn` and `attn_drop` are named as in timm, so that attention rollout finds the matrices.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.fused_attn = heads, True
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.attn_drop, self.proj_drop = nn.Dropout(dropout), nn.Dropout(dropout)

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        q, k, v = self.qkv(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (B, heads, N, D / heads)
        if self.fused_attn:
            mixed = F.scaled_dot_product_attention(q, k, v, mask, self.attn_drop.p if self.training else 0.0)
        else:
            attention = q @ k.transpose(2, 3) / q.shape[3] ** 0.5
            attention = (attention if mask is None else attention.masked_fill(~mask, -torch.inf)).softmax(3)
            mixed = self.attn_drop(attention) @ v
        projected: Tensor = self.proj_drop(self.proj(mixed.transpose(1, 2).flatten(2)))
        return projected
