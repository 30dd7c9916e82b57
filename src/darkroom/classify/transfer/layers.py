"""Layers of a pretrained network from input to output, for learning rates and freezing that depend on the depth."""

from __future__ import annotations

from darkroom.nets.transfer import Pretrained


def depths(network: Pretrained) -> dict[str, int]:
    """Map each parameter's name to its layer: that of its block, from 0 at the input, or of the head, which comes last.

    A parameter that belongs to no block counts with what precedes it, or with the first block, as position embeddings do.
    """
    blocks = network.blocks()
    own = {id(parameter): depth for depth, block in enumerate(blocks) for parameter in block.parameters()}
    head = {id(parameter) for parameter in network.head.parameters()}
    found, depth = {}, 0
    for name, parameter in network.named_parameters():
        if id(parameter) in head:
            found[name] = len(blocks)
        else:
            found[name] = depth = own.get(id(parameter), depth)
    return found


def decayed_rates(network: Pretrained, decay: float) -> dict[str, float]:
    """Return the learning-rate factor of every parameter: `decay` to the power of its distance from the head."""
    found = depths(network)
    top = max(found.values())
    return {name: decay ** (top - depth) for name, depth in found.items()}
