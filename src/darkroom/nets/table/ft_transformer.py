"""FT-Transformer (Gorishniy et al. 2021, arXiv 2106.11959): a token per column, then a transformer.

As in the paper: a number's token is x_j W_j + b_j, a category's its embedding plus b_j; the class token is read out after a
layer normalization and a ReLU; blocks normalize first, without the first block's normalization before attention. Deviations:
a missing number has a learned vector in place of x_j W_j, and the MLP of a block has GELU units of four times the width
instead of ReGLU ones, as in this package's other transformer.
"""

from __future__ import annotations

from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from darkroom.nets.table.inputs import TableInput
from darkroom.nets.vit import Block
from darkroom.registry import register
from darkroom.settings import Count


@register("network", "ft_transformer")
class FTTransformer(nn.Module):
    """Transformer encoder on one token per column and a class token."""

    TAKES = ("table",)
    TRAINING = {"optimizer": {"lr": 0.0005, "weight_decay": 1e-5}}

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        *,
        width: Annotated[Count, Field(description="channels of a token, a multiple of `heads`")] = 64,
        depth: Annotated[Count, Field(description="transformer blocks")] = 3,
        heads: Annotated[Count, Field(description="attention heads per block")] = 4,
        dropout: Annotated[float, Field(ge=0, lt=1, description="dropout rate within the blocks")] = 0.1,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(
                f"network.width is {width}, which {heads} heads do not divide; make it a multiple of heads"
            )
        self.input = TableInput(shape)
        numbers = len(self.input.numeric)
        self.weight, self.absent = _tokens(numbers, width), _tokens(numbers, width)
        self.embedding = nn.Embedding(self.input.entries, width, padding_idx=0) if self.input.categorical else None
        self.bias = _tokens(len(shape), width)
        self.token = _tokens(1, width)
        self.blocks = nn.ModuleList(
            Block(width, heads, activation="gelu", dropout=dropout, drop=0.0) for _ in range(depth)
        )
        self.blocks[0].norm1 = nn.Identity()
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)
        if self.embedding is not None:
            nn.init.uniform_(self.embedding.weight, -(width**-0.5), width**-0.5)
            with torch.no_grad():
                self.embedding.weight[0] = 0

    def no_weight_decay(self) -> set[str]:
        """Name the parameters that weight decay should spare besides biases and scales: all of the tokenizer's."""
        return {"weight", "absent", "bias", "token", "embedding.weight"}

    def features(self, rows: Tensor) -> Tensor:
        """Return the input of the last layer: (B, D) to (B, F)."""
        cells = self.input(rows)
        columns = cells.numbers[:, :, None] * self.weight + cells.missing[:, :, None] * self.absent  # (B, M, width)
        if self.embedding is not None:
            columns = torch.cat([columns, self.embedding(cells.categories).to(columns.dtype)], 1)
        tokens = torch.cat([self.token.expand(len(rows), 1, -1), columns + self.bias], 1)
        for block in self.blocks:
            tokens = block(tokens)
        return F.relu(self.norm(tokens[:, 0]))

    def forward(self, rows: Tensor) -> Tensor:  # (B, D) -> logits (B, K)
        logits: Tensor = self.head(self.features(rows))
        return logits


def _tokens(count: int, width: int) -> nn.Parameter:
    """Return vectors (count, width), uniform within width^-1/2 of 0 as in the authors' code."""
    return nn.Parameter(torch.empty(count, width).uniform_(-(width**-0.5), width**-0.5))
