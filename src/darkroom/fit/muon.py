"""Muon: momentum orthogonalized by Newton-Schulz iterations (Jordan et al. 2024), for the weight matrices of hidden layers.

torch.optim.Muon takes matrices only and always iterates in bf16; here kernels of convolutions are reshaped to matrices, and
the iteration runs in float32, which a CPU multiplies faster and repeats more closely.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from darkroom.fit.combined import Combined
from darkroom.fit.optimizers import decayed, groups
from darkroom.fit.options import LearningRate
from darkroom.registry import register
from darkroom.settings import NonNegative, Probability

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
"""Five of these quintic steps bring all singular values close to 1: between about 0.7 and 1.2."""
ADAMW_RMS = 0.2
"""Root mean square of AdamW's updates, to which Muon's are scaled (Liu et al. 2025, section 2.2)."""


@register("optimizer", "muon")
def muon(
    network: nn.Module,
    rates: Mapping[str, float] | None = None,
    *,
    lr: Annotated[LearningRate, Field(description="peak learning rate, of AdamW's parameters too")] = 0.003,
    momentum: Annotated[Probability, Field(description="momentum of the matrices")] = 0.95,
    nesterov: Annotated[bool, Field(description="use Nesterov momentum")] = True,
    weight_decay: Annotated[NonNegative, Field(description="decoupled weight decay, multiplied by lr")] = 0.01,
    beta1: Annotated[Probability, Field(description="first-moment decay of AdamW")] = 0.9,
    beta2: Annotated[Probability, Field(description="second-moment decay of AdamW")] = 0.999,
) -> torch.optim.Optimizer:
    """Muon (Jordan et al. 2024) for hidden weight matrices and kernels, AdamW for the output layer and all else.

    Updates are scaled by 0.2 √max(rows, columns), the root mean square of AdamW's (Liu et al. 2025), so that one rate
    serves both; Jordan et al. scale by √max(1, rows/columns) and need two.
    """
    hidden = hidden_matrices(network)
    found = groups(network, lr, weight_decay, rates)
    parts: list[torch.optim.Optimizer] = []
    if matrices := _only(found, lambda p: id(p) in hidden):
        parts.append(OrthogonalizedMomentum(matrices, momentum=momentum, nesterov=nesterov))
    if others := _only(found, lambda p: id(p) not in hidden):
        parts.append(torch.optim.AdamW(others, betas=(beta1, beta2), fused=True))
    return Combined(parts)


class OrthogonalizedMomentum(torch.optim.Optimizer):
    """Moves each matrix (R, C), or kernel (R, ...) flattened to one, along the orthogonal factor of its momentum."""

    def __init__(self, params: Any, *, momentum: float, nesterov: bool) -> None:
        super().__init__(params, {"lr": 0.0, "weight_decay": 0.0, "momentum": momentum, "nesterov": nesterov})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Take one step; `Combined` has run the closure."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                velocity = state.setdefault("momentum_buffer", torch.zeros_like(weight))
                velocity.lerp_(weight.grad, 1 - group["momentum"])
                update = weight.grad.lerp(velocity, group["momentum"]) if group["nesterov"] else velocity
                matrix = update.flatten(1)
                scale: float = ADAMW_RMS * max(matrix.shape) ** 0.5
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(orthogonalized(matrix).view_as(weight), alpha=-group["lr"] * scale)


def orthogonalized(matrix: Tensor) -> Tensor:
    """Return about U Vᵀ of a matrix U S Vᵀ (R, C), by Newton-Schulz iterations: no singular value decomposition."""
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x: Tensor = (matrix.T if tall else matrix).float()
    x = x / x.norm().clamp_min(1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


def hidden_matrices(network: nn.Module) -> set[int]:
    """Return the ids of the weights that Muon moves: matrices and kernels, except embeddings, those that the network
    exempts from weight decay, and the last one, the output layer's."""
    embeddings = {id(module.weight) for module in network.modules() if isinstance(module, nn.Embedding)}
    chosen = {id(p) for p in decayed(network)} - embeddings
    last = [id(p) for p in network.parameters() if p.ndim > 1][-1:]
    return chosen - set(last)


def _only(found: list[dict[str, Any]], chosen: Callable[[Tensor], bool]) -> list[dict[str, Any]]:
    kept = [{**group, "params": [p for p in group["params"] if chosen(p)]} for group in found]
    return [group for group in kept if group["params"]]
