"""What a check of the config must know of backbones: building one takes seconds, so it is built once and noted."""

from __future__ import annotations

from importlib import metadata, util
from typing import NamedTuple

from darkroom.job import cache
from darkroom.registry import ROOT

NOTED = ROOT / "__pycache__" / "architectures.json"


class Architecture(NamedTuple):
    """The parts of a backbone that ways to train it depend on."""

    blocks: int
    attention: bool
    """Whether it has attention layers."""


def architecture(backbone: str) -> Architecture:
    """Describe a backbone. Raises ValueError if there is none of that name, or its library is not installed."""
    versions = (metadata.version(name) for name in ("timm", "torchvision") if util.find_spec(name))
    key, known = " ".join((backbone, *versions)), cache.load(NOTED)
    if key not in known:
        from darkroom.classify.transfer.lora import projections  # torch takes seconds to import
        from darkroom.nets.backbone import Backbone

        network = Backbone(backbone, pretrained=False)
        known = {**known, key: [len(network.blocks()), any(True for _ in projections(network))]}
        cache.store(NOTED, known)
    blocks, attention = known[key]
    return Architecture(blocks, attention)
