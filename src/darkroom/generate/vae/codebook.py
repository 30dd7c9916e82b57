"""A codebook that follows what it is given by exponential moving averages (van den Oord et al. 2017, appendix A.1).

N_i counts the vectors for which code i is the nearest and m_i sums them, both averaged over batches by the factor DECAY;
the code is e_i = m_i / N_i. A code that is hardly used any more starts again where the codebook is worst.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DECAY = 0.99
"""Share of the old average that a batch leaves standing."""
DEAD = 0.01
"""A code is dead when its average count falls below this share of the mean count."""


class Quantized(NamedTuple):
    """A batch of grids of vectors, each replaced by its nearest code."""

    codes: Tensor
    """Number of the code, (B, h, w)."""
    vectors: Tensor
    """The codes' vectors (B, D, h, w); the gradient passes straight through to what was given."""
    commitment: Tensor
    """Squared distance between what was given and its codes, which stand still; summed over each grid, (B,)."""


class Codebook(nn.Module):
    """`codes` vectors of `size` numbers, kept in buffers and moved by every batch seen in training mode."""

    vectors: Tensor
    counts: Tensor
    sums: Tensor

    def __init__(self, codes: int, size: int) -> None:
        super().__init__()
        self.register_buffer("vectors", torch.randn(codes, size))
        self.register_buffer("counts", torch.zeros(codes))
        self.register_buffer("sums", torch.zeros(codes, size))

    def forward(self, features: Tensor) -> Quantized:
        """Quantize features (B, D, h, w) in float32; in training mode the codebook then moves towards them."""
        features = features.float()
        flat = features.detach().movedim(1, -1).flatten(0, -2)  # (B h w, D)
        with torch.autocast(features.device.type, enabled=False):
            distances = torch.cdist(flat, self.vectors)  # (B h w, K)
            near, codes = distances.min(1)
            grid = codes.unflatten(0, (len(features), *features.shape[2:]))
            chosen = self.look_up(grid)
            if self.training:
                self.follow(flat, codes, near)
        commitment = (features - chosen).square().flatten(1).sum(1)
        return Quantized(grid, features + (chosen - features).detach(), commitment)

    def look_up(self, codes: Tensor) -> Tensor:
        """The vectors (B, D, h, w) of codes (B, h, w)."""
        return F.embedding(codes, self.vectors).movedim(-1, 1)

    @torch.no_grad()
    def follow(self, given: Tensor, codes: Tensor, distances: Tensor) -> None:
        """Move the averages by a batch of vectors (n, D), their codes (n,) and their distances (n,) from these.

        Dead codes take the places of the vectors that are farthest from their codes, with the mean count.
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
    """How many codes are in use, as if all were used equally: exp of the entropy of their shares; 1 to `size`."""
    shares = codes.flatten().bincount(minlength=size) / codes.numel()
    equal: Tensor = torch.special.entr(shares).sum().exp()
    return equal
