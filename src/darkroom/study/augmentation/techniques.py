"""All techniques for images by family, each applied to a batch whatever its probability."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from darkroom import registry
from darkroom.augment.batch import affine, geometric, mixing, noise, occlusion, photometric, policies, tones
from darkroom.augment.config import MIXING
from darkroom.augment.gallery import FAMILIES
from darkroom.augment.pipeline import Pipeline
from darkroom.augment.transforms import affine as offline_affine
from darkroom.augment.transforms import geometric as offline_geometric
from darkroom.augment.transforms import noise as offline_noise
from darkroom.augment.transforms import photometric as offline_photometric
from darkroom.fit.batches import as_bytes, as_tensor

Images = NDArray[np.uint8]  # (N, H, W, C)
MODULES = (
    *(affine, geometric, mixing, noise, occlusion, photometric, policies, tones),
    *(offline_affine, offline_geometric, offline_noise, offline_photometric),
)
"""Modules of the techniques: the study is stale when one of them changes."""
ONLINE, OFFLINE = "batch transform", "transform"


def by_family() -> dict[str, dict[str, str]]:
    """Return family → technique → kind of its plug-in, online where there are both; those that mix labels come last."""
    found: dict[str, dict[str, str]] = {}
    modules = {module.__name__ for module in MODULES}
    every = {
        name: kind
        for kind in (OFFLINE, ONLINE)
        for name, technique in registry.taking(kind, "image").items()
        if technique.module in modules
    }
    for name, kind in sorted(every.items()):
        family = registry.entry(kind, name).module.rsplit(".", 1)[-1]
        found.setdefault(FAMILIES.get(family, family), {})[name] = kind
    order = sorted(found, key=lambda family: (family == "mixing", family))
    return {family: found[family] for family in order}


def keeps_labels(name: str) -> bool:
    """Return whether a technique leaves the label as it is."""
    return name not in MIXING


def options(kind: str, name: str, chosen: Mapping[str, Any] | None = None) -> Any:
    """Return a technique's options, with a probability of 1 where it has any."""
    always = {"p": 1.0} if "p" in registry.options(kind, name).model_fields else {}
    return registry.chosen(registry.load(kind, name), **{**always, **(chosen or {})})


def applied(kind: str, name: str, images: Images, *, seed: int = 0) -> Images:
    """Return images (N, H, W, C) after a technique at its default strength, each with its own draw."""
    if kind == OFFLINE:
        drawing = Pipeline([options(kind, name)], (images.shape[1], images.shape[2]), seed=seed)
        return np.stack([drawing.draw(image, item=str(n), copy=0).image for n, image in enumerate(images)])
    batch, _ = mixed(name, as_tensor(images), torch.zeros(len(images), dtype=torch.int64), classes=1, seed=seed)
    return as_bytes(batch)


def mixed(
    name: str, images: Tensor, labels: Tensor, *, classes: int, seed: int, chosen: Mapping[str, Any] | None = None
) -> tuple[Tensor, Tensor]:
    """Return a batch (B, C, H, W) after an online technique, and its class probabilities (B, K)."""
    targets = functional.one_hot(labels, classes).float()
    draws = torch.Generator().manual_seed(seed)
    made: tuple[Tensor, Tensor] = registry.build(options(ONLINE, name, chosen))(
        images, targets, torch.ones(len(images)), draws
    )
    return made
