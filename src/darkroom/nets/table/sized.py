"""Modules whose fitted arrays have sizes that depend on the training data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn


class Sized(nn.Module):
    """The buffers named in `SIZED` take the sizes in which they were saved."""

    SIZED: tuple[str, ...] = ()

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        for name in self.SIZED:
            if f"{prefix}{name}" in state_dict:
                setattr(self, name, torch.empty_like(state_dict[f"{prefix}{name}"]))
        super()._load_from_state_dict(state_dict, prefix, *rest)
