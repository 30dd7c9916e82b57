"""Losses of one output with their gradients in closed form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Loss:
    """A loss and its derivative: of the logit z for the target 1, or of the residual r."""

    title: str
    value: Function
    gradient: Function


def margins(gamma: float) -> tuple[Loss, ...]:
    """Return the losses of a logit z whose target is 1, with p the sigmoid of z."""

    def focal(z: Tensor) -> Tensor:
        return -((1 - z.sigmoid()) ** gamma) * F.logsigmoid(z)

    def focal_gradient(z: Tensor) -> Tensor:
        p = z.sigmoid()
        return gamma * p * (1 - p) ** gamma * F.logsigmoid(z) - (1 - p) ** (gamma + 1)

    return (
        Loss("binary cross-entropy", lambda z: F.softplus(-z), lambda z: z.sigmoid() - 1),
        Loss("hinge", lambda z: (1 - z).clamp_min(0), lambda z: -(z < 1).to(z)),
        Loss(f"focal, γ = {gamma:g}", focal, focal_gradient),
        Loss(
            "squared error of a sigmoid",
            lambda z: (1 - z.sigmoid()) ** 2,
            lambda z: -2 * z.sigmoid() * (1 - z.sigmoid()) ** 2,
        ),
    )


def residuals(delta: float) -> tuple[Loss, ...]:
    """Return the losses of a residual r."""
    return (
        Loss("MSE", lambda r: r**2, lambda r: 2 * r),
        Loss("MAE", lambda r: r.abs(), lambda r: r.sign()),
        Loss(
            f"Huber, δ = {delta:g}",
            lambda r: F.huber_loss(r, torch.zeros_like(r), reduction="none", delta=delta),
            lambda r: r.clamp(-delta, delta),
        ),
    )


def deviation(loss: Loss) -> float:
    """Return the largest difference between the closed form of a gradient and autograd."""
    at = torch.linspace(-6.05, 6, 1000, dtype=torch.float64).requires_grad_()  # without the kinks at 0 and 1
    (found,) = torch.autograd.grad(loss.value(at).sum(), at)
    return float((found - loss.gradient(at)).abs().max().detach())
