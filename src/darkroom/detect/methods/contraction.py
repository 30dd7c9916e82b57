"""The contractive penalty (Rifai et al. 2011): how far a code moves when its image does."""

from __future__ import annotations

import torch
from torch import Tensor

MOST_EXACT = 32
"""Numbers in a code up to which the norm is exact, at one backward pass for each of them."""


def squared_jacobian(code: Tensor, images: Tensor, generator: torch.Generator) -> Tensor:
    """The squared Frobenius norm of d code / d image, the mean over a batch; it can be differentiated again.

    `code` (B, D) was computed from `images` (B, C, H, W), which require a gradient, each from its own image alone. Where D
    is more than `MOST_EXACT`, an unbiased estimate from one random sign for each number (Hutchinson 1990), drawn on the
    processor: E |s' J|² = |J|² over signs s.
    """
    if code.shape[1] <= MOST_EXACT:
        probes = torch.eye(code.shape[1])[:, None].expand(-1, *code.shape)  # (D, B, D)
    else:
        probes = torch.randint(0, 2, (1, *code.shape), generator=generator) * 2.0 - 1
    total = torch.zeros((), device=code.device)
    for probe in probes.to(code.device):
        (moved,) = torch.autograd.grad((code * probe).sum(), images, create_graph=True)
        total = total + moved.square().sum()
    return total / len(images)
