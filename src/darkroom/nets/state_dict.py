"""State dicts from files of unknown origin: reads tensors only, never runs pickled code, and says what does not fit."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

WRAPPERS = (
    "state_dict_ema",
    "model_ema",
    "ema",
    "state_dict",
    "model_state_dict",
    "model",
    "network",
    "teacher",
    "student",
)
"""Keys that training scripts store the state dict under; averaged weights first, as in timm."""
PREFIXES = (
    "module.",
    "_orig_mod.",
    "model.",
    "network.",
    "backbone.",
    "encoder.",
    "student.",
    "teacher.",
    "base_model.",
)
"""What wrappers put before every name: DistributedDataParallel, torch.compile, LightningModules, self-supervised training."""


def read(path: Path) -> dict[str, Tensor]:
    """Read the state dict in a file of safetensors or of torch.save, also inside a checkpoint of tensors and plain values.

    Raises ValueError for any other content, OSError.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            known: Any = load_file(path)
        else:
            with warnings.catch_warnings(action="ignore", category=UserWarning):  # of pickles, which are refused below
                known = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception:  # pickled objects, a truncated file and other content each raise a different error
        known = None
    found = _unwrapped(known)
    if found is None:
        raise ValueError(
            f"{path} is not a state dict (tensors by name), and nothing else is loaded; save the state_dict() of a network, or "
            "train it again if the file is damaged"
        )
    return found


def _unwrapped(value: Any) -> dict[str, Tensor] | None:
    """Return the state dict in a checkpoint, or None if there is none."""
    if not isinstance(value, dict):
        return None
    for key in WRAPPERS:
        if isinstance(value.get(key), dict) and (found := _unwrapped(value[key])):
            return found
    return value if all(isinstance(item, Tensor) for item in value.values()) else None


def fill(
    network: nn.Module, known: Mapping[str, Tensor], *, name: str, path: Path | str, spare: Collection[str] = ()
) -> None:
    """Load a state dict of the architecture `name` into a network, whatever prefix its keys have.

    Tensors of the modules `spare`, such as the classifier, may be missing or too many. Raises ValueError that lists which
    keys are missing, too many, or of another shape.
    """
    layout = network.state_dict()
    fitting = max(_renamed(known), key=lambda given: len(given.keys() & layout.keys()))
    given = {
        key: value for key, value in fitting.items() if not f"{key}.".startswith(tuple(f"{part}." for part in spare))
    }
    missing = [key for key in layout if key not in given and not key.endswith("num_batches_tracked")]
    extra = [key for key in given if key not in layout]
    shapes = [
        f"{key} {[*given[key].shape]} for {[*layout[key].shape]}"
        for key in layout
        if key in given and given[key].shape != layout[key].shape
    ]
    faults = {"missing": missing, "that it does not have": extra, "of another shape": shapes}
    if any(faults.values()):
        listed = "; ".join(f"{len(keys)} {what} ({_few(keys)})" for what, keys in faults.items() if keys)
        raise ValueError(f"weights: {path} does not fit {name}: of {len(layout)} tensors, {listed}")
    network.load_state_dict(dict(given), strict=False)


def _few(keys: list[str]) -> str:
    return ", ".join(keys[:3]) + (", ..." if len(keys) > 3 else "")


def _renamed(known: Mapping[str, Tensor]) -> Iterator[Mapping[str, Tensor]]:
    """Yield the state dict with 0, 1, 2 ... of the usual prefixes removed."""
    yield known
    for prefix in PREFIXES:
        inside = {key.removeprefix(prefix): value for key, value in known.items() if key.startswith(prefix)}
        if inside:
            yield from _renamed(inside)
