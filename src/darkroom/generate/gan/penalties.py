"""Penalties on the score's gradient with respect to the image, in full precision: they are differentiated twice."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Critic = Callable[[Tensor], Tensor]
"""Maps images (B, C, H, W) to scores (B,), each a function of its own image only."""


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, shares: Tensor) -> Tensor:
    """Return the mean of (|gradient| - 1)² at real + shares · (fake - real), shares (B,) (WGAN-GP, Gulrajani et al. 2017).

    The paper draws the shares uniformly from [0, 1].
    """
    between = torch.lerp(real.float(), fake.float(), shares[:, None, None, None])
    norms = (_squared_norm(critic, between) + 1e-12).sqrt()  # sqrt has no gradient at 0
    return (norms - 1).square().mean()


def r1(critic: Critic, real: Tensor) -> Tensor:
    """Return half the mean of |gradient|² at real images (R1, Mescheder et al. 2018)."""
    return _squared_norm(critic, real.float()).mean() / 2


def _squared_norm(critic: Critic, images: Tensor) -> Tensor:
    """Return |gradient|² (B,), differentiable with respect to the critic's parameters."""
    with torch.enable_grad(), torch.autocast(images.device.type, enabled=False):
        images = images.detach().requires_grad_()
        (slopes,) = torch.autograd.grad(critic(images).sum(), images, create_graph=True)
        return slopes.flatten(1).square().sum(1)
