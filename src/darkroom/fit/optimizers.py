"""Optimizers by name. Weight decay does not apply to biases and normalization scales, which have one dimension."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import nn

from darkroom.registry import register
from darkroom.settings import NonNegative, Positive, Probability


@register("optimizer", "adamw")
def adamw(
    network: nn.Module,
    *,
    lr: Annotated[Positive, Field(description="peak learning rate")] = 0.003,
    weight_decay: Annotated[NonNegative, Field(description="decoupled weight decay, multiplied by lr")] = 0.01,
    beta1: Annotated[Probability, Field(description="first-moment decay")] = 0.9,
    beta2: Annotated[Probability, Field(description="second-moment decay")] = 0.999,
) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019)."""
    return torch.optim.AdamW(groups(network, weight_decay), lr=lr, betas=(beta1, beta2), fused=True)


@register("optimizer", "sgd")
def sgd(
    network: nn.Module,
    *,
    lr: Annotated[Positive, Field(description="peak learning rate")] = 0.1,
    momentum: Annotated[Probability, Field(description="momentum")] = 0.9,
    nesterov: Annotated[bool, Field(description="use Nesterov momentum")] = True,
    weight_decay: Annotated[NonNegative, Field(description="L2 penalty on the weights")] = 0.0005,
) -> torch.optim.Optimizer:
    """Stochastic gradient descent with momentum."""
    return torch.optim.SGD(
        groups(network, weight_decay), lr=lr, momentum=momentum, nesterov=nesterov and momentum > 0, fused=True
    )


def groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Split the trainable parameters into those that decay and those that do not."""
    trainable = [p for p in network.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]
