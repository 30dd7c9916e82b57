"""A small transformer encoder for texts (Vaswani et al. 2017), with the normalization before each layer (Xiong et al. 2020)."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from darkroom.nets.embedding import Mixed, embedded, inside
from darkroom.nets.options import StochasticDepth
from darkroom.nets.vit import Block
from darkroom.registry import register
from darkroom.settings import Count


@register("network", "text_transformer")
class TextTransformer(nn.Module):
    """Transformer encoder on word vectors with learned positions, then the mean over the text's own tokens."""

    TAKES = ("text",)
    TRAINING = {"optimizer": {"lr": 0.001, "weight_decay": 0.05}}

    def __init__(
        self,
        shape: tuple[int, int],
        classes: int,
        *,
        width: Annotated[Count, Field(description="dimensions of a word vector, a multiple of `heads`")] = 64,
        depth: Annotated[Count, Field(description="transformer blocks")] = 2,
        heads: Annotated[Count, Field(description="attention heads per block")] = 4,
        dropout: Annotated[
            float, Field(ge=0, lt=1, description="dropout rate of word vectors and in the blocks")
        ] = 0.2,
        stochastic_depth: StochasticDepth = 0.0,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(
                f"network.width is {width}, which {heads} heads do not divide; make it a multiple of heads"
            )
        length, vocabulary = shape
        self.embed = nn.Embedding(vocabulary, width, padding_idx=0)
        self.position = nn.Parameter(torch.empty(1, length, width))
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            Block(width, heads, activation="gelu", dropout=dropout, drop=stochastic_depth * (i + 1) / depth)
            for i in range(depth)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)
        for table in (self.embed.weight, self.position):
            nn.init.normal_(table, std=width**-0.5)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        with torch.no_grad():
            self.embed.weight[0] = 0

    def no_weight_decay(self) -> set[str]:
        """Name the parameters that weight decay should spare besides biases and scales."""
        return {"position", "embed.weight"}

    def features(self, tokens: Tensor | Mixed) -> Tensor:
        """Return the mean of the last block's tokens: (B, L) to (B, D). An empty text gives the mean over its padding."""
        words = inside(tokens)
        words = words | ~words.any(1, keepdim=True)  # (B, L)
        encoded = self.dropout(embedded(self.embed, tokens) + self.position)
        for block in self.blocks:
            encoded = block(encoded, words[:, None, None])
        normal = self.norm(encoded) * words[..., None]
        mean: Tensor = normal.sum(1) / words.sum(1, keepdim=True)
        return mean

    def forward(self, tokens: Tensor | Mixed) -> Tensor:  # (B, L) -> logits (B, K)
        logits: Tensor = self.head(self.features(tokens))
        return logits
