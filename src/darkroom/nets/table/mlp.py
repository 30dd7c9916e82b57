"""A multilayer perceptron on the rows of a table, with embeddings for categories (Guo & Berkhahn 2016)."""

from __future__ import annotations

import itertools
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from darkroom.nets import layers
from darkroom.nets.options import Activation, Norm
from darkroom.nets.table.inputs import Encoded
from darkroom.registry import register
from darkroom.settings import Count


@register("network", "table_mlp")
class TableMLP(nn.Module):
    """Fully connected layers on standardized numbers, missing indicators and embedded categories."""

    TAKES = ("table",)

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        *,
        hidden: Annotated[list[Count], Field(min_length=1, description="units of each hidden layer")] = [128, 64],  # noqa: B006
        embedding: Annotated[Count, Field(description="dimensions of a category's embedding")] = 8,
        activation: Activation = "relu",
        norm: Norm = "none",
        dropout: Annotated[float, Field(ge=0, lt=1, description="dropout rate of hidden units")] = 0.1,
    ) -> None:
        super().__init__()
        self.input = Encoded(shape, embedding)
        widths = [self.input.width, *hidden]
        body: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            body += [
                nn.Linear(before, after),
                layers.norm(norm, after, dimensions=0),
                layers.activation(activation),
                nn.Dropout(dropout),
            ]
        self.body = nn.Sequential(*body)
        self.head = nn.Linear(widths[-1], classes)

    def features(self, rows: Tensor) -> Tensor:
        """Return the input of the last layer: (B, D) to (B, F)."""
        features: Tensor = self.body(self.input(rows))
        return features

    def forward(self, rows: Tensor) -> Tensor:  # (B, D) -> logits (B, K)
        logits: Tensor = self.head(self.features(rows))
        return logits
