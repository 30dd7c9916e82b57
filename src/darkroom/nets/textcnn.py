"""A convolutional network on words: Kim 2014, "Convolutional Neural Networks for Sentence Classification" (arXiv 1408.5882)."""

from __future__ import annotations

from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from darkroom.nets import layers
from darkroom.nets.embedding import Mixed, embedded, inside
from darkroom.nets.options import Dropout
from darkroom.registry import register
from darkroom.settings import Count, NonNegative


@register("network", "textcnn")
class TextCNN(nn.Module):
    """Convolutions of several widths over word vectors, the maximum over the text, dropout and a linear layer.

    The paper's CNN-rand, whose word vectors are learned from random ones. Windows without a word are left out of the maximum;
    the paper pads with zero vectors.
    """

    TAKES = ("text",)
    TRAINING = {"epochs": 15, "optimizer": {"lr": 0.001}, "batch_size": 50}

    def __init__(
        self,
        shape: tuple[int, int],
        classes: int,
        *,
        width: Annotated[Count, Field(description="dimensions of a word vector")] = 300,
        windows: Annotated[
            list[Count], Field(min_length=1, description="widths of the convolutions, in numbers of words")
        ] = [3, 4, 5],  # noqa: B006
        maps: Annotated[Count, Field(description="feature maps of each convolution")] = 100,
        dropout: Dropout = 0.5,
        max_norm: Annotated[
            NonNegative, Field(description="maximum norm of a class's weights in the last layer; 0 disables it")
        ] = 3.0,
    ) -> None:
        super().__init__()
        self.embed = nn.Embedding(shape[1], width, padding_idx=0)
        nn.init.uniform_(self.embed.weight, -0.25, 0.25)  # as the paper's code
        with torch.no_grad():
            self.embed.weight[0] = 0
        self.convolutions = nn.ModuleList(nn.Conv1d(width, maps, window, padding=window - 1) for window in windows)
        self.activation = layers.activation("relu")
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(maps * len(windows), classes)
        self.max_norm = max_norm

    def no_weight_decay(self) -> set[str]:
        """Name the parameters that weight decay should spare besides biases."""
        return {"embed.weight"}

    def features(self, tokens: Tensor | Mixed) -> Tensor:
        """Return the maxima of the feature maps: (B, L) to (B, D)."""
        vectors = embedded(self.embed, tokens).transpose(1, 2)  # (B, width, L)
        words = inside(tokens)[:, None]
        found = []
        for convolution in self.convolutions:
            maps = self.activation(convolution(vectors))  # (B, maps, L + window - 1)
            seen = F.pad(words, (0, maps.shape[2] - words.shape[2]))  # windows with a word in them
            for shift in range(1, maps.shape[2] - words.shape[2] + 1):
                seen = seen | F.pad(words, (shift, maps.shape[2] - words.shape[2] - shift))
            found.append(maps.masked_fill(~seen, 0.0).amax(2))
        return torch.cat(found, 1)

    def forward(self, tokens: Tensor | Mixed) -> Tensor:  # (B, L) -> logits (B, K)
        if self.training and self.max_norm:
            with torch.no_grad():
                self.head.weight.copy_(self.head.weight.renorm(2, 0, self.max_norm))
        logits: Tensor = self.head(self.dropout(self.features(tokens)))
        return logits
