"""A classifier on a pretrained backbone: transfer learning."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor, nn

from darkroom.nets import pretrained
from darkroom.nets.backbone import Backbone
from darkroom.nets.neighbors import Neighbors
from darkroom.nets.options import Weights
from darkroom.registry import register
from darkroom.settings import Count, Sha256


@register("network", "pretrained")
class Pretrained(nn.Module):
    """Any backbone of timm, torchvision or `pretrain` with its pretrained weights, and a linear classifier on its features."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        classes: int,
        *,
        backbone: Annotated[
            str, Field(description="a timm name, or `torchvision/` and a torchvision name")
        ] = "tf_efficientnet_lite0",
        weights: Weights = None,
        sha256: Annotated[Sha256 | None, Field(description="sha256 of the weights, if `weights` is a URL")] = None,
        size: Annotated[
            Count | None,
            Field(description="longer side in pixels that images are resized to; by default the backbone's own"),
        ] = None,
        dropout: Annotated[
            float, Field(ge=0, lt=1, description="share of features dropped before the last layer")
        ] = 0.0,
    ) -> None:
        super().__init__()
        self.weights, self.classes = weights, classes
        self.backbone = Backbone(backbone, pretrained=False, side=size)
        self.head: nn.Module = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.backbone.features_size, classes))

    def load_pretrained(self, path: Path | None = None) -> None:
        """Fill in the backbone's weights from a file, by default the one that the options name.

        A new network has random weights, so that a saved one can be rebuilt without this file. Raises ValueError if there
        is no such file, or it does not fit.
        """
        self.backbone.load(path or pretrained.find(self.backbone.architecture, self.weights))

    def set_head(self, head: nn.Module) -> None:
        """Replace the last layer by a fitted one: a linear layer, or the nearest neighbors."""
        self.head = nn.Sequential(next(self.head.children()), head) if isinstance(head, nn.Linear) else head

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        if f"{prefix}head.bank" in state_dict:
            self.head = Neighbors(self.backbone.features_size, self.classes)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def features(self, images: Tensor) -> Tensor:
        """Return what the head decides on: (B, C, H, W) in [0, 1] to (B, D)."""
        return self.backbone.features(images)

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """Return the backbone's maps (B, D, h, w) of all levels, finest first."""
        return self.backbone.maps(images, range(self.backbone.levels))

    def blocks(self) -> list[nn.Module]:
        """Return the backbone's blocks from input to output."""
        return self.backbone.blocks()

    def forward(self, images: Tensor) -> Tensor:  # (B, C, H, W) in [0, 1] -> logits (B, K)
        logits: Tensor = self.head(self.features(images))
        return logits
