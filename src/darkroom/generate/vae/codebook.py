"""A codebook updated by exponential moving averages (van den Oord et al. 2017, appendix A.1).

N_i counts the vectors whose nearest code is i and m_i sums them, both averaged over batches with decay DECAY; the code is
e_i = m_i / N_i. Dead codes restart at the vectors with the largest quantization error, which the paper does not do.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DECAY = 0.99
"""EMA decay of counts and sums per batch."""
DEAD = 0.01
"""A code is dead if its average count falls below this fraction of the mean count."""


class Quantized(NamedTuple):
    """A batch of grids of vectors, each vector quantized to its nearest code."""

    codes: Tensor
    """Code indices, (B, h, w)."""
    vectors: Tensor
    """Code vectors (B, D, h, w), with a straight-through gradient to the input."""
    commitment: Tensor
    """Squared distance of the input to its codes, without gradient for the codes; summed over each grid, (B,)."""


class Codebook(nn.Module):
    """`codes` vectors of dimension `size`, in buffers that every batch in training mode updates."""

    vectors: Tensor
    counts: Tensor
    sums: Tensor

    def __init__(self, codes: int, size: int) -> None:
        super().__init__()
        self.register_buffer("vectors", torch.randn(codes, size))
        self.register_buffer("counts", torch.zeros(codes))
        self.register_buffer("sums", torch.zeros(codes, size))

    def forward(self, features: Tensor) -> Quantized:
        """Quantize features (B, D, h, w) in float32; in training mode, then update the codebook."""
        features = features.float()
        flat = features.detach().movedim(1, -1).flatten(0, -2)  # (B h w, D)
        with torch.autocast(features.device.type, enabled=False):
            distances = torch.cdist(flat, self.vectors)  # (B h w, K)
            near, codes = distances.min(1)
            grid = codes.unflatten(0, (len(features), *features.shape[2:]))
            chosen = self.look_up(grid)
            if self.training:
                self.update(flat, codes, near)
        commitment = (features - chosen).square().flatten(1).sum(1)
        return Quantized(grid, features + (chosen - features).detach(), commitment)

    def look_up(self, codes: Tensor) -> Tensor:
        """Return the vectors (B, D, h, w) of codes (B, h, w)."""
        return F.embedding(codes, self.vectors).movedim(-1, 1)

    @torch.no_grad()
    def update(self, given: Tensor, codes: Tensor, distances: Tensor) -> None:
        """Update the averages with a batch of vectors (n, D), their codes (n,) and their distances (n,) to them.

        Dead codes move to the vectors farthest from their codes and take the mean count.
        """
        member = F.one_hot(codes, len(self.counts)).to(given.dtype)  # (n, K)
        self.counts.lerp_(member.sum(0), 1 - DECAY)
        self.sums.lerp_(member.T @ given, 1 - DECAY)
        mean = self.counts.mean()
        dead = (self.counts < DEAD * mean).nonzero().squeeze(1)[: len(given)]
        self.sums[dead] = given[distances.topk(len(dead)).indices] * mean
        self.counts[dead] = mean
        used = self.counts > 0
        self.vectors[used] = self.sums[used] / self.counts[used, None]


def perplexity(codes: Tensor, size: int) -> Tensor:
    """Return the perplexity () of code usage, exp(entropy): the effective number of codes in use, 1 to `size`."""
    shares = codes.flatten().bincount(minlength=size) / codes.numel()
    effective: Tensor = torch.special.entr(shares).sum().exp()
    return effective
