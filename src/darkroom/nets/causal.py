"""A small autoregressive transformer over sequences of discrete codes (Vaswani et al. 2017; pre-norm)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CausalTransformer(nn.Module):
    """Model sequences of `length` codes from 0 to codes - 1, conditioned on a class if there are `classes`.

    Each code depends on earlier ones only, so the probabilities of all sequences sum to 1.
    """

    def __init__(
        self, length: int, codes: int, classes: int, *, width: int, layers: int, heads: int = 4, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.codes = nn.Embedding(codes, width)
        self.places = nn.Parameter(torch.randn(length, width))
        self.by_class = nn.Embedding(classes, width) if classes else None
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, codes)
        for table in (self.codes.weight, self.places, *([self.by_class.weight] if self.by_class else [])):
            nn.init.normal_(table, std=0.02)

    def forward(self, codes: Tensor, labels: Tensor) -> Tensor:
        """Return logits (B, L, K) of the code at each position of sequences (B, L) of classes (B,)."""
        x = F.pad(self.codes(codes[:, :-1]), (0, 0, 1, 0)) + self.places  # (B, L, D): each sees the code before it
        if self.by_class is not None:
            x = x + self.by_class(labels)[:, None]
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.head(self.norm(x))
        return logits

    def log_prob(self, codes: Tensor, labels: Tensor) -> Tensor:
        """Return the log-likelihood (B,) in nats of sequences (B, L)."""
        logits = self(codes, labels).float()
        nats = F.cross_entropy(logits.flatten(0, 1), codes.flatten(), reduction="none")
        total: Tensor = nats.unflatten(0, codes.shape).sum(1)
        return -total

    def sample(self, labels: Tensor, draws: Tensor) -> Tensor:
        """Sample sequences (B, L) of classes (B,) from `draws` (B, L), uniform on [0, 1), one per code."""
        kept: list[list[Tensor]] = [[] for _ in self.blocks]
        codes: list[Tensor] = []
        for place in range(len(self.places)):
            x = self.places[place].expand(len(labels), 1, -1)
            if codes:
                x = x + self.codes(codes[-1])
            if self.by_class is not None:
                x = x + self.by_class(labels)[:, None]
            for block, seen in zip(self.blocks, kept, strict=True):
                x = block(x, seen)
            chances = self.head(self.norm(x)).float().softmax(-1).squeeze(1).cumsum(1)  # (B, K)
            found = torch.searchsorted(chances, draws[:, place, None].contiguous(), right=True)
            codes.append(found.clamp(max=chances.shape[1] - 1))  # rounding may leave the sum below 1
        return torch.cat(codes, dim=1)


class Block(nn.Module):
    """Pre-norm transformer block, (B, L, D): causal self-attention, then an MLP, each with a residual connection."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attend = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.change = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, seen: list[Tensor] | None = None) -> Tensor:
        """Apply the block; with the key-value cache `seen`, `x` (B, 1, D) is the next position and is appended to it."""
        parts = self.attend(self.norm1(x)).unflatten(-1, (3, self.heads, -1))  # (B, L, 3, H, D / H)
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # (B, H, L, D / H) each
        if seen is not None:
            seen.append(torch.stack([key, value]))
            key, value = torch.cat(seen, dim=3)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=seen is None)
        x = x + self.dropout(self.mix(mixed.transpose(1, 2).flatten(2)))
        changed: Tensor = x + self.dropout(self.change(self.norm2(x)))
        return changed
