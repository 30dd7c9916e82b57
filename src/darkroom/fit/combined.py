"""Several optimizers behind the interface of one, so that the training loop, its schedule and its checkpoints see one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch


class Combined(torch.optim.Optimizer):
    """Steps several optimizers, each with parameter groups of its own; `param_groups` lists all of them."""

    def __init__(self, parts: Sequence[torch.optim.Optimizer]) -> None:
        self.parts = tuple(parts)
        super().__init__([group for part in self.parts for group in part.param_groups], {})

    @property
    def active(self) -> tuple[torch.optim.Optimizer, ...]:
        """The optimizers that step."""
        return self.parts

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Append a part's own group; parts that take turns share parameters, which torch's check refuses."""
        self.param_groups.append(param_group)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Step the active optimizers; the closure runs once, before all of them."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.active:
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Return the state of every part."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore the state of every part. Loading replaces their groups, so the list is built anew."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = [group for part in self.parts for group in part.param_groups]


class Switched(Combined):
    """Steps one optimizer at a time: the last one whose start, a share of the run, has been reached.

    Each keeps its own state and learning rate; the next one starts with empty moments.
    """

    def __init__(self, parts: Sequence[torch.optim.Optimizer], starts: Sequence[float]) -> None:
        self.starts, self.index = tuple(starts), 0
        super().__init__(parts)

    @property
    def active(self) -> tuple[torch.optim.Optimizer, ...]:
        """The optimizer whose turn it is."""
        return (self.parts[self.index],)

    def advance(self, progress: float) -> None:
        """Choose the active optimizer by the share of the run that is over."""
        self.index = max(index for index, start in enumerate(self.starts) if start <= progress)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of every part, and whose turn it is."""
        return {**super().state_dict(), "index": self.index}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore the state of every part, and whose turn it is."""
        super().load_state_dict(state_dict)
        self.index = state_dict["index"]


def learning_rate(optimizer: torch.optim.Optimizer) -> float:
    """Return the current learning rate of the first group that steps."""
    active = optimizer.active[0] if isinstance(optimizer, Combined) else optimizer
    if isinstance(active, Combined):
        return learning_rate(active)
    return float(active.param_groups[0]["lr"])
