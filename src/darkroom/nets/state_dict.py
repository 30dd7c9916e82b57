"""Weights out of a file of unknown origin: tensors alone, and no pickled code is ever run."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor


def read(path: Path) -> dict[str, Tensor]:
    """The state dict in a file of safetensors, or of torch's. Raises ValueError for any other, OSError."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            known = load_file(path)
        else:
            known = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception:  # pickled objects, a truncated file and other content each raise a different error
        known = None
    if not isinstance(known, dict) or not all(isinstance(value, Tensor) for value in known.values()):
        raise ValueError(
            f"{path} is not a state dict (tensors by name), and nothing else is loaded; save the state_dict() of a network"
        )
    return known
