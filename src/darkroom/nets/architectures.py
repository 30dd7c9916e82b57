"""Architectures of timm, torchvision and Darkroom without their classifiers, described in the same terms.

Their weights are random.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from darkroom import registry, settings
from darkroom.nets.pretrained import EXTRA, OWN, TORCHVISION
from darkroom.settings import Section

Maps = Callable[[Tensor, Sequence[int]], list[Tensor]]
AUXILIARY = ("AuxLogits", "aux1", "aux2", "mask_token")
"""What only the training of Inception, GoogLeNet and DINOv2 uses."""


@dataclass(frozen=True)
class Architecture:
    """A network from normalized images (B, 3, H, W) to pooled features (B, D), and how its authors prepare images."""

    network: Any
    features_size: int
    side: int
    """Input size in pixels that it was designed for."""
    fixed: bool
    """Whether it takes only images of that size."""
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str
    stride: int
    """Input pixels per place of its coarsest map."""
    patch: int
    """Height and width must be multiples of this number of pixels."""
    levels: int
    """Number of levels of feature maps; 0 if it gives none."""
    maps: Maps
    """Maps (B, D, h, w) of the levels asked for, in order."""
    heads: tuple[str, ...]
    """Names of its classifiers and of other parts whose weights are left out."""


def build(name: str) -> Architecture:
    """Build an architecture by its name. Raises ValueError for an unknown one.

    The name is timm's, torchvision's after `torchvision/`, or what `pretrained.own` calls one of Darkroom's networks.
    """
    if name.startswith(OWN):
        return _own(**json.loads(name.removeprefix(OWN)))
    return _torchvision(name.removeprefix(TORCHVISION)) if name.startswith(TORCHVISION) else _timm(name)


def units(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the parts of a network in order, looking into containers and stages but not into blocks."""
    for child in module.children():
        stage = isinstance(child, nn.Sequential | nn.ModuleList) or hasattr(child, "blocks")
        yield from units(child) if stage else (child,)


def _own(network: dict[str, Any], shape: Sequence[int]) -> Architecture:
    built = headless(
        registry.options("network", network["name"]).model_validate(network), (shape[0], shape[1], shape[2])
    )
    training = built.training
    with torch.no_grad():
        seen = built.eval().feature_maps(torch.zeros(1, *shape))
    return Architecture(
        network=built.train(training),
        features_size=seen[-1].shape[1],
        side=max(shape[1:]),
        fixed=False,
        mean=(0.0,) * shape[0],  # its first layer standardizes
        std=(1.0,) * shape[0],
        interpolation="bilinear",
        stride=max(1, max(shape[1:]) // max(seen[-1].shape[2:])),
        patch=1,
        levels=len(seen),
        maps=lambda images, levels: [built.feature_maps(images)[level] for level in levels],
        heads=("head",),
    )


def headless(options: Section, shape: tuple[int, ...]) -> Any:
    """Build one of Darkroom's networks without its classifier: called with images, it returns their features."""
    built = registry.build(options, shape, 1)
    built.head = nn.Identity()
    return built


def _timm(name: str) -> Architecture:
    try:
        import timm  # seconds, and an extra
    except ModuleNotFoundError:
        raise ValueError(f"timm, which has {settings.quoted(name)}, is not installed; {EXTRA} installs it") from None
    if not timm.is_model(name):
        hint = settings.nearest(name, timm.list_models())
        raise ValueError(f"backbone: timm has no {settings.quoted(name)}.{hint}")
    fixed = timm.get_pretrained_cfg(name).fixed_input_size  # type: ignore[union-attr]
    dynamic: dict[str, Any] = {"dynamic_img_size": True} if fixed else {}
    network: Any
    try:
        network, fixed = timm.create_model(name, pretrained=False, num_classes=0, **dynamic), False
    except TypeError:  # neither convolutional nor a plain vision transformer
        network = timm.create_model(name, pretrained=False, num_classes=0)
    about, heads = network.pretrained_cfg, network.pretrained_cfg["classifier"]
    patch = max(network.patch_embed.patch_size) if hasattr(network, "patch_embed") and not fixed else 1
    info = network.feature_info if hasattr(network, "forward_intermediates") else ()

    def maps(images: Tensor, levels: Sequence[int]) -> list[Tensor]:
        wanted = sorted(set(levels))
        found = network.forward_intermediates(images, indices=wanted, intermediates_only=True, stop_early=True)
        return [found[wanted.index(level)] for level in levels]

    return Architecture(
        network=network,
        features_size=getattr(network, "head_hidden_size", None) or network.num_features,
        side=about["input_size"][-1],
        fixed=fixed,
        mean=about["mean"],
        std=about["std"],
        interpolation="bilinear" if about["interpolation"] == "bilinear" else "bicubic",
        stride=max((level["reduction"] for level in network.feature_info), default=1),
        patch=patch,
        levels=len(info),
        maps=maps,
        heads=(*([heads] if isinstance(heads, str) else heads or ()), *AUXILIARY),
    )


def _torchvision(name: str) -> Architecture:
    from torchvision import models  # seconds

    known = models.list_models(module=models)
    if name not in known:
        hint = settings.nearest(name, known)
        raise ValueError(f"backbone: torchvision has no {settings.quoted(name)}.{hint}")
    plain = {"aux_logits": False, "init_weights": False} if name in {"googlenet", "inception_v3"} else {}
    network: Any = models.get_model(name, weights=None, **plain)
    preset = models.get_model_weights(name).DEFAULT.transforms()
    side = preset.crop_size[0]
    head, layer = [pair for pair in network.named_modules() if isinstance(pair[1], nn.Linear | nn.Conv2d)][-1]
    network.set_submodule(head, nn.Identity())
    tokens = hasattr(network, "encoder")
    seen = {} if tokens else _resolutions(network, side)

    def maps(images: Tensor, levels: Sequence[int]) -> list[Tensor]:
        kept = _outputs(network, images, [seen[level][0] for level in levels])
        ordered = [kept[seen[level][0]] for level in levels]
        return [
            found if seen[level][1] else found.permute(0, 3, 1, 2) for level, found in zip(levels, ordered, strict=True)
        ]

    return Architecture(
        network=network,
        features_size=layer.in_features if isinstance(layer, nn.Linear) else layer.in_channels,
        side=side,
        fixed=tokens or name.startswith("maxvit"),
        mean=tuple(preset.mean),
        std=tuple(preset.std),
        interpolation="bilinear" if preset.interpolation.value == "bilinear" else "bicubic",
        stride=16 if tokens else 2 ** max(seen[level][2] for level in seen),
        patch=1,
        levels=len(seen),
        maps=maps,
        heads=(head, *AUXILIARY),
    )


def _resolutions(network: nn.Module, side: int) -> dict[int, tuple[nn.Module, bool, int]]:
    """Find the last unit of each resolution: level to unit, whether channels come first, and log2 of the stride."""
    every = [*units(network)]
    with torch.no_grad():
        outputs = _outputs(network.eval(), torch.zeros(1, 3, side, side), every)
    last: dict[int, tuple[nn.Module, bool, int]] = {}
    for unit in every:
        if (found := outputs.get(unit)) is not None and found.ndim == 4 and found.shape[2] > 1:
            scale = round(math.log2(side / found.shape[2]))
            last[scale] = (unit, found.shape[2] == found.shape[3], scale)
    network.train()
    return dict(enumerate(last[scale] for scale in sorted(last)))


def _outputs(network: nn.Module, images: Tensor, wanted: Sequence[nn.Module]) -> dict[nn.Module, Tensor]:
    """Return the outputs of these modules in one forward pass."""
    kept: dict[nn.Module, Tensor] = {}
    hooks = [unit.register_forward_hook(lambda unit, _, output: kept.update({unit: output})) for unit in wanted]
    try:
        network(images)
    finally:
        for hook in hooks:
            hook.remove()
    return kept
