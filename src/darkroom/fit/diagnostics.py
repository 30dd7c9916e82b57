"""What goes on inside a network while it trains, measured layer by layer at a few steps of a run.

Columns of the table, one row per step and layer; a cell that does not apply to a layer is empty:

- `gradient_norm`: Euclidean norm of the gradient of the layer's own parameters, before clipping.
- `update_ratio`: norm of the step's change of these parameters over their own norm; about 1e-3 is usual for Adam, and far
  less or more a sign of a wrong learning rate.
- `activation`: root mean square of the layer's outputs.
- `dead`: for ReLU, the share of units (channels, or features of a linear layer) that are zero on the whole batch: they pass
  no gradient.
- `saturated`: for sigmoid and tanh, the share of outputs within 1 % of the function's range of either end, where it is flat
  (Glorot & Bengio 2010).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

MEASURES = ("gradient_norm", "update_ratio", "activation", "dead", "saturated")
COLUMNS = ("step", "layer", *MEASURES)
ZEROING = (nn.ReLU, nn.ReLU6)
BOUNDED: dict[type[nn.Module], tuple[float, float]] = {nn.Sigmoid: (0, 1), nn.Tanh: (-1, 1)}
FUNCTIONS: tuple[type[nn.Module], ...] = (*ZEROING, *BOUNDED, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.GELU, nn.SiLU)
FLAT = 0.01
"""Share of a bounded function's range, at either end, that counts as saturated."""


class Diagnostics:
    """Measures one training step: `begin` before the forward pass, `gradients` before each optimizer step, `end` after."""

    def __init__(self, network: nn.Module) -> None:
        self.layers = {
            name or "network": module
            for name, module in network.named_modules()
            if isinstance(module, FUNCTIONS) or any(p.requires_grad for p in module.parameters(recurse=False))
        }
        self.found: dict[str, dict[str, Any]] = {}
        self.before: dict[str, list[Tensor]] = {}
        self.hooks: list[Any] = []

    def begin(self) -> None:
        """Watch the layers' outputs from here on."""
        self.found, self.before = {}, {}
        self.calls: dict[str, list[dict[str, Tensor]]] = {}
        for name, module in self.layers.items():
            self.hooks.append(module.register_forward_hook(self._watch(name)))

    @torch.no_grad()
    def gradients(self, network: nn.Module) -> None:
        """Measure the gradients of the layers within this network, and keep their weights."""
        inside = {id(module) for module in network.modules()}
        for name, module in self.layers.items():
            grads = [p.grad for p in _own(module) if p.grad is not None]
            if id(module) in inside and grads:
                self.found.setdefault(name, {})["gradient_norm"] = nn.utils.get_total_norm(grads)
                self.before[name] = [p.detach().clone() for p in _own(module)]

    @torch.no_grad()
    def end(self, step: int) -> list[dict[str, Any]]:
        """Stop watching; return one row per layer that took part in this step."""
        while self.hooks:
            self.hooks.pop().remove()
        for name, before in self.before.items():
            size = nn.utils.get_total_norm(before)
            change = nn.utils.get_total_norm([p - b for p, b in zip(_own(self.layers[name]), before, strict=True)])
            self.found[name]["update_ratio"] = change / size
        for name, calls in self.calls.items():
            found = self.found.setdefault(name, {})
            found["activation"] = torch.stack([call["square"] for call in calls]).mean().sqrt()
            for share in ("dead", "saturated"):
                if share in calls[0]:
                    found[share] = torch.stack([call[share] for call in calls]).mean()
        rows = []
        for name in self.layers:
            if values := {key: float(value) for key, value in self.found.get(name, {}).items()}:
                finite = {key: value for key, value in values.items() if math.isfinite(value)}
                rows.append({"step": step, "layer": name, **dict.fromkeys(MEASURES), **finite})
        return rows

    def _watch(self, name: str) -> Any:
        @torch.no_grad()
        def hook(module: nn.Module, _: Any, outputs: Any) -> None:
            first = outputs[0] if isinstance(outputs, tuple) else outputs
            if isinstance(first, Tensor) and first.is_floating_point():
                self.calls.setdefault(name, []).append(_measured(module, first.detach().float()))

        return hook


def _measured(module: nn.Module, outputs: Tensor) -> dict[str, Tensor]:
    """Measure the outputs (B, C, H, W), (B, T, D) or (B, D) of one call."""
    found = {"square": outputs.square().mean()}
    if isinstance(module, ZEROING):
        units = 1 if outputs.ndim == 4 else outputs.ndim - 1
        silent = (outputs == 0).all(dim=[d for d in range(outputs.ndim) if d != units])
        found["dead"] = silent.float().mean()
    if bounds := BOUNDED.get(type(module)):
        low, high = bounds
        margin = FLAT * (high - low)
        found["saturated"] = ((outputs < low + margin) | (outputs > high - margin)).float().mean()
    return found


def _own(module: nn.Module) -> list[nn.Parameter]:
    return [p for p in module.parameters(recurse=False) if p.requires_grad]
