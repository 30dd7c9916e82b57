"""Feature maps of a frozen network, trained on ImageNet or on the data set: what its levels see at each place of an image.

The levels are joined as in PaDiM (Defard et al. 2020) and PatchCore (Roth et al. 2022): the coarser ones are brought to the
size of the finest, place by place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom import files, settings
from darkroom.nets import pretrained, state_dict

PACKAGED = "tf_efficientnet_lite0"
"""What timm calls the network whose weights come as a package."""


class FeatureMaps:
    """Maps (B, D, h, w) of images (B, 1 or 3, H, W) in [0, 1], whose longer side is made `side` pixels long.

    `levels` count the resolutions that timm lists for an architecture, 0 the finest; each halves the one before. Features
    are averaged over `patch` x `patch` places of their level, those beyond the border being zeros: a network sees less at
    the border, and without zeros the farthest patch of nearly every normal image lies there. `weights` is a file with a
    state dict of the architecture (`.safetensors`, or what torch.save writes); without it the packaged weights are used.

    This is no module, so that a detector which holds one does not save the network again. Raises ValueError, which names the
    config key, when the network cannot be had.
    """

    def __init__(
        self, *, levels: Sequence[int], side: int, patch: int = 1, architecture: str, weights: str | None = None
    ) -> None:
        self.levels, self.side, self.patch = sorted(levels), side, patch
        path = _file(architecture, weights)
        self.sha256 = files.sha256(path)
        self.network: Any = _packaged() if weights is None else _given(architecture, path)
        known = len(self.network.feature_info)
        if self.levels[-1] >= known:
            raise ValueError(f"levels: {architecture} has levels 0 to {known - 1}, got {self.levels[-1]}")
        mean, std = ((127 / 255,) * 3, (128 / 255,) * 3)  # of the packaged weights' training
        if weights is not None:
            mean, std = (self.network.pretrained_cfg[key] for key in ("mean", "std"))
        self.mean, self.std = (torch.tensor(values).view(3, 1, 1) for values in (mean, std))
        self.network.to(memory_format=torch.channels_last).requires_grad_(False).eval()

    def shape(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """The shape (D, h, w) of the map of an image of shape (C, H, W)."""
        depth, height, width = self(torch.zeros(1, *shape)).shape[1:]
        return depth, height, width

    def prepare(self, images: Tensor) -> Tensor:
        """Images as the network was trained to see them: three channels, resized, standardised."""
        height, width = images.shape[-2:]
        size = [max(1, round(length * self.side / max(height, width))) for length in (height, width)]
        if size != [height, width]:
            images = F.interpolate(images, size, mode="bilinear", antialias=True)
        return ((images - self.mean) / self.std).contiguous(
            memory_format=torch.channels_last
        )  # gray: one for each mean

    def __call__(self, images: Tensor) -> Tensor:
        """The levels side by side, at the size of the finest."""
        return self.join(self.see(images, self.levels))

    def see(self, images: Tensor, levels: Sequence[int]) -> dict[int, Tensor]:
        """What the network has at these levels, as it is."""
        maps: list[Tensor] = self.network.forward_intermediates(
            self.prepare(images), indices=sorted(levels), intermediates_only=True, stop_early=True
        )
        return dict(zip(sorted(levels), maps, strict=True))

    def join(self, seen: Mapping[int, Tensor]) -> Tensor:
        """Its own levels among those seen, side by side."""
        maps = [seen[level] for level in self.levels]
        if self.patch > 1:
            maps = [F.avg_pool2d(level, self.patch, 1, self.patch // 2).contiguous() for level in maps]
        size = maps[0].shape[-2:]
        coarse = [F.interpolate(level, size, mode="bilinear") for level in maps[1:]]
        return torch.cat([maps[0], *coarse], 1)


class ClassifierMaps(FeatureMaps):
    """The same of a classifier, which sees images at their own size; `sha256` is that of its weights.

    Its levels are what its `feature_maps` gives, 0 the finest.
    """

    def __init__(self, network: Any, sha256: str, *, levels: Sequence[int], patch: int = 1) -> None:
        self.levels, self.side, self.patch = sorted(levels), 0, patch
        self.sha256 = sha256
        self.network = network.requires_grad_(False).eval()

    def see(self, images: Tensor, levels: Sequence[int]) -> dict[int, Tensor]:
        """Return the maps of these levels. Raises ValueError if the network has fewer levels."""
        maps: list[Tensor] = self.network.feature_maps(images)
        if max(levels) >= len(maps):
            raise ValueError(f"levels: the classifier has levels 0 to {len(maps) - 1}, got {max(levels)}")
        return {level: maps[level] for level in levels}


def _file(architecture: str, weights: str | None) -> Path:
    """The file of the weights."""
    if weights is not None:
        path = files.local(weights)
        if path is None or not path.is_file():
            raise ValueError(f"weights: no file {settings.quoted(weights)}")
        return path
    if architecture != PACKAGED:
        raise ValueError(
            f"architecture: only {PACKAGED} has weights in a package; for {settings.quoted(architecture)} "
            "set weights to a file with its state dict"
        )
    packaged = pretrained.weights()
    if packaged is None or pretrained.installed() is None:
        raise ValueError(
            f"{pretrained.PACKAGE} and timm are not installed; the extra `backbone` has them "
            f"({pretrained.EXTRA}), or leave this detector out of detect.detectors"
        )
    return packaged


def _packaged() -> Any:
    from darkroom.nets.backbone import Backbone  # timm takes seconds to import, and is an extra

    return Backbone(side=1).network


def _given(architecture: str, path: Path) -> Any:
    """A network of timm's with the weights in a file; the file may lack or have the last, classifying layer."""
    try:
        import timm
    except ModuleNotFoundError:
        raise ValueError(f"timm is not installed; the extra `backbone` has it ({pretrained.EXTRA})") from None

    if not timm.is_model(architecture):
        hint = settings.nearest(architecture, timm.list_models())
        raise ValueError(f"architecture: timm has no {settings.quoted(architecture)}.{hint}")
    network: Any = timm.create_model(architecture, pretrained=False, num_classes=0)
    if not hasattr(network, "forward_intermediates"):
        raise ValueError(f"architecture: timm gives no feature maps of {architecture}")
    try:
        known = state_dict.read(path)
    except ValueError as error:
        raise ValueError(f"weights: {error}") from None
    layout = network.state_dict()
    wrong = [name for name in layout if name not in known or known[name].shape != layout[name].shape]
    if wrong:
        raise ValueError(
            f"weights: {path} does not fit {architecture}: {len(wrong)} of {len(layout)} tensors are missing there or have "
            f"another shape, the first is {wrong[0]}"
        )
    network.load_state_dict({name: known[name] for name in layout})
    return network
