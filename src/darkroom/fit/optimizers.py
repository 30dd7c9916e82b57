"""Optimizers by name. Weight decay spares biases and normalisation scales, which have one dimension."""

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
    lr: Annotated[Positive, Field(description="largest learning rate")] = 0.003,
    weight_decay: Annotated[NonNegative, Field(description="decoupled weight decay, a share of lr")] = 0.01,
    beta1: Annotated[Probability, Field(description="memory of the gradient's mean")] = 0.9,
    beta2: Annotated[Probability, Field(description="memory of the gradient's square")] = 0.999,
) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019)."""
    return torch.optim.AdamW(groups(network, weight_decay), lr=lr, betas=(beta1, beta2), fused=True)


@register("optimizer", "sgd")
def sgd(
    network: nn.Module,
    *,
    lr: Annotated[Positive, Field(description="largest learning rate")] = 0.1,
    momentum: Annotated[Probability, Field(description="share of the last step that is kept")] = 0.9,
    nesterov: Annotated[bool, Field(description="look ahead by the momentum")] = True,
    weight_decay: Annotated[NonNegative, Field(description="L2 penalty on the weights")] = 0.0005,
) -> torch.optim.Optimizer:
    """Stochastic gradient descent with momentum."""
    return torch.optim.SGD(
        groups(network, weight_decay), lr=lr, momentum=momentum, nesterov=nesterov and momentum > 0, fused=True
    )


def groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """The trainable parameters in two groups: those that decay and those that do not."""
    trainable = [p for p in network.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]
