"""Optimizers by name, with a learning rate of its own for each layer where a task asks for that.

Weight decay is an L2 penalty added to the gradient (coupled) in sgd, adam, rmsprop and adagrad; adamw, muon and sgd with
`decoupled` keep it apart from the gradient. It does not apply to biases and normalization scales, which have one dimension,
nor to what a part of the network lists in `no_weight_decay()`, as timm's transformers list their position embeddings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import nn

from darkroom.fit.options import AUTO, LearningRate
from darkroom.registry import register
from darkroom.settings import NonNegative, Probability


@register("optimizer", "adamw")
def adamw(
    network: nn.Module,
    rates: Mapping[str, float] | None = None,
    *,
    lr: Annotated[LearningRate, Field(description="peak learning rate")] = 0.003,
    weight_decay: Annotated[NonNegative, Field(description="decoupled weight decay, multiplied by lr")] = 0.01,
    beta1: Annotated[Probability, Field(description="first-moment decay")] = 0.9,
    beta2: Annotated[Probability, Field(description="second-moment decay")] = 0.999,
) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019): Adam with decoupled weight decay, which is multiplied by lr as in torch."""
    return torch.optim.AdamW(groups(network, lr, weight_decay, rates), betas=(beta1, beta2), fused=True)


@register("optimizer", "sgd")
def sgd(
    network: nn.Module,
    rates: Mapping[str, float] | None = None,
    *,
    lr: Annotated[LearningRate, Field(description="peak learning rate")] = 0.1,
    momentum: Annotated[Probability, Field(description="momentum")] = 0.9,
    nesterov: Annotated[bool, Field(description="use Nesterov momentum")] = True,
    weight_decay: Annotated[
        NonNegative, Field(description="L2 penalty on the weights, added to the gradient unless decoupled")
    ] = 0.0005,
    decoupled: Annotated[
        bool, Field(description="shrink the weights by lr × weight_decay instead, apart from gradient and momentum")
    ] = False,
) -> torch.optim.Optimizer:
    """Stochastic gradient descent; with a momentum of 0, plain gradient descent on each batch.

    The rate stands outside the velocity: v ← μv + g, w ← w - ηv. With the rate inside, v ← μv - ηg, w ← w + v, the two
    differ while the rate changes. Decoupled decay is SGDW (Loshchilov & Hutter 2019).
    """
    make = DecoupledSGD if decoupled else torch.optim.SGD
    found = groups(network, lr, weight_decay, rates)
    return make(found, momentum=momentum, nesterov=nesterov and momentum > 0, fused=True)


@register("optimizer", "adam")
def adam(
    network: nn.Module,
    rates: Mapping[str, float] | None = None,
    *,
    lr: Annotated[LearningRate, Field(description="peak learning rate")] = 0.001,
    weight_decay: Annotated[NonNegative, Field(description="L2 penalty on the weights, added to the gradient")] = 0.0,
    beta1: Annotated[Probability, Field(description="first-moment decay")] = 0.9,
    beta2: Annotated[Probability, Field(description="second-moment decay")] = 0.999,
) -> torch.optim.Optimizer:
    """Adam (Kingma & Ba 2015), algorithm 1: epsilon (1e-8) is added outside the root."""
    return torch.optim.Adam(groups(network, lr, weight_decay, rates), betas=(beta1, beta2), fused=True)


@register("optimizer", "rmsprop")
def rmsprop(
    network: nn.Module,
    rates: Mapping[str, float] | None = None,
    *,
    lr: Annotated[LearningRate, Field(description="peak learning rate")] = 0.001,
    decay: Annotated[Probability, Field(description="second-moment decay")] = 0.9,
    momentum: Annotated[Probability, Field(description="momentum")] = 0.0,
    weight_decay: Annotated[NonNegative, Field(description="L2 penalty on the weights, added to the gradient")] = 0.0,
) -> torch.optim.Optimizer:
    """RMSProp (Tieleman & Hinton 2012): epsilon (1e-8) outside the root, the rate outside the velocity."""
    return torch.optim.RMSprop(groups(network, lr, weight_decay, rates), alpha=decay, momentum=momentum)


@register("optimizer", "adagrad")
def adagrad(
    network: nn.Module,
    rates: Mapping[str, float] | None = None,
    *,
    lr: Annotated[LearningRate, Field(description="peak learning rate")] = 0.01,
    weight_decay: Annotated[NonNegative, Field(description="L2 penalty on the weights, added to the gradient")] = 0.0,
) -> torch.optim.Optimizer:
    """Adagrad (Duchi et al. 2011), diagonal form: epsilon (1e-10) outside the root."""
    return torch.optim.Adagrad(groups(network, lr, weight_decay, rates))


class DecoupledSGD(torch.optim.SGD):
    """SGDW (Loshchilov & Hutter 2019): w ← (1 - ηλ)w before each step, and λ not in the gradient."""

    def __init__(self, params: list[dict[str, Any]], **options: Any) -> None:
        super().__init__(
            [{**group, "weight_decay": 0.0, "shrink": group["weight_decay"]} for group in params], **options
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Run the closure, shrink the weights, and take a step of SGD."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            if factor := group["lr"] * group["shrink"]:
                torch._foreach_mul_(group["params"], 1 - factor)
        super().step()
        return loss


def groups(
    network: nn.Module, lr: LearningRate, weight_decay: float, rates: Mapping[str, float] | None = None
) -> list[dict[str, Any]]:
    """Group the trainable parameters by learning rate and weight decay, the highest rate first.

    `rates` maps names of parameters to factors on `lr`; a parameter without one takes 1. Raises ValueError if `lr` is
    still `auto`.
    """
    if lr == AUTO:
        raise ValueError("training.optimizer.lr is auto, but there is no learning-rate range test; give a number")
    decaying = {id(parameter) for parameter in decayed(network)}
    found: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            found.setdefault(((rates or {}).get(name, 1.0), id(parameter) in decaying), []).append(parameter)
    return [
        {"params": parameters, "lr": lr * rate, "weight_decay": weight_decay if decays else 0.0}
        for (rate, decays), parameters in sorted(found.items(), key=lambda item: (-item[0][0], not item[0][1]))
    ]


def decayed(network: nn.Module) -> list[nn.Parameter]:
    """Return the trainable parameters that penalties on the weights apply to."""
    exempt = {
        f"{place}.{name}".lstrip(".")
        for place, module in network.named_modules()
        for name in getattr(module, "no_weight_decay", tuple)()
    }
    named = network.named_parameters()
    return [p for name, p in named if p.requires_grad and p.ndim > 1 and name not in exempt]
