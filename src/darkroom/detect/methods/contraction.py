"""The contractive penalty (Rifai et al. 2011): how much a code changes with its image."""

from __future__ import annotations

import torch
from torch import Tensor

MOST_EXACT = 32
"""Largest code for which the norm is exact, at one backward pass per dimension."""


def squared_jacobian(code: Tensor, images: Tensor, generator: torch.Generator) -> Tensor:
    """Return the squared Frobenius norm of d code / d image, averaged over the batch; differentiable again.

    `code` (B, D) is a function of `images` (B, C, H, W), which require a gradient, each code of its own image alone. For
    D > `MOST_EXACT` this is an unbiased estimate from one random sign per dimension (Hutchinson 1990), drawn on the CPU:
    E |s' J|² = |J|² over signs s.
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
