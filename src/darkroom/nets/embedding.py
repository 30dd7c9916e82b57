"""The input of networks of texts: token numbers, or two texts each that are mixed after the embedding layer.

"wordMixup" of Guo, Mao & Zhang 2019, "Augmenting Data with Mixup for Sentence Classification" (arXiv 1905.08941): position by
position, the word vectors of two texts, padded with zero vectors, are blended in the proportion of their labels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Mixed(NamedTuple):
    """Texts to mix: a text's own tokens (B, L), those of its partner (B, L), and the share (B,) of its own."""

    tokens: Tensor
    others: Tensor
    share: Tensor


def embedded(table: Callable[[Tensor], Tensor], tokens: Tensor | Mixed) -> Tensor:
    """Return the word vectors (B, L, D) that an embedding layer has for tokens (B, L), or their mixture."""
    if isinstance(tokens, Mixed):
        return torch.lerp(table(tokens.others), table(tokens.tokens), tokens.share[:, None, None])
    return table(tokens)


def inside(tokens: Tensor | Mixed) -> Tensor:
    """Return where a text, or one of two that are mixed, has a token: (B, L) bool."""
    return (tokens.tokens > 0) | (tokens.others > 0) if isinstance(tokens, Mixed) else tokens > 0
