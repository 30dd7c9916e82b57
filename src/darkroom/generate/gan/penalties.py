"""Penalties on the gradient of the score by the image, computed in full precision: their own gradient is a second one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Critic = Callable[[Tensor], Tensor]
"""Images (B, C, H, W) to scores (B,), each of which depends on its own image alone."""


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, shares: Tensor) -> Tensor:
    """The mean of (|gradient| - 1)², at the points that are these shares (B,) of the way from real to generated images
    (Gulrajani et al. 2017)."""
    between = torch.lerp(real.float(), fake.float(), shares[:, None, None, None])
    norms = (_squared_norm(critic, between) + 1e-12).sqrt()  # the root of 0 has no gradient
    return (norms - 1).square().mean()


def r1(critic: Critic, real: Tensor) -> Tensor:
    """Half the mean of |gradient|² at real images (Mescheder et al. 2018)."""
    return _squared_norm(critic, real.float()).mean() / 2


def _squared_norm(critic: Critic, images: Tensor) -> Tensor:
    """|gradient|² (B,), itself differentiable by the critic's parameters."""
    with torch.enable_grad(), torch.autocast(images.device.type, enabled=False):
        images = images.detach().requires_grad_()
        (slopes,) = torch.autograd.grad(critic(images).sum(), images, create_graph=True)
        return slopes.flatten(1).square().sum(1)
