"""Inception-v3 features from a weights file, for an FID that compares with published ones.

Published FIDs use the TensorFlow graph of 2015, whose weights pytorch-fid ported (1,008 classes). Its pooling differs from
torchvision's: average pools leave the padding out, and the last block pools by maximum. A file of 1,000 classes is taken
as torchvision's own; its FIDs compare among themselves only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import inception

from darkroom.nets import state_dict

SIDE, FEATURES = 299, 2048
PORTED, OWN = 1008, 1000
"""Classes of the ported TensorFlow weights and of torchvision's."""


class Inception(nn.Module):
    """Map images (B, 1 or 3, H, W) in [0, 1] to pool3 features (B, 2048); ready for inference.

    Raises ValueError if the file does not hold the weights of an Inception-v3.
    """

    def __init__(self, weights: Path) -> None:
        super().__init__()
        known = {name: value for name, value in state_dict.read(weights).items() if not name.startswith("AuxLogits.")}
        classes = len(known["fc.bias"]) if "fc.bias" in known else 0
        if classes not in (PORTED, OWN):
            raise ValueError(
                f"{weights} does not hold an Inception-v3 of {PORTED:,} classes (pytorch-fid) or {OWN:,} (torchvision); "
                "change generate.inception"
            )
        self.network = inception.Inception3(
            num_classes=classes,
            aux_logits=False,
            init_weights=False,
            inception_blocks=BLOCKS if classes == PORTED else None,
        )
        if classes == PORTED:
            self.network.Mixed_7c = MaximumE(FEATURES)
        try:
            self.network.load_state_dict(known)
        except RuntimeError as error:
            raise ValueError(f"{weights} does not fit Inception-v3: {str(error).splitlines()[-1].strip()}") from error
        self.network.fc = nn.Identity()
        self.requires_grad_(False)
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Return the mean of the last feature map over places; images are resized to 299×299 without antialiasing."""
        images = F.interpolate(images.expand(-1, 3, -1, -1), (SIDE, SIDE), mode="bilinear", align_corners=False)
        features: Tensor = self.network(images * 2 - 1)
        return features


class _PaddingLeftOut:
    """Average pooling over the pixels that exist."""

    def pooled(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)

    def _forward(self, x: Tensor) -> list[Tensor]:
        *branches, _ = super()._forward(x)  # type: ignore[misc]
        return [*branches, self.branch_pool(self.pooled(x))]  # type: ignore[attr-defined]


class PortedA(_PaddingLeftOut, inception.InceptionA):
    """The first kind of block, as TensorFlow pools."""


class PortedC(_PaddingLeftOut, inception.InceptionC):
    """The second kind of block, as TensorFlow pools."""


class PortedE(_PaddingLeftOut, inception.InceptionE):
    """The last kind of block, as TensorFlow pools."""


class MaximumE(PortedE):
    """The last block, which pools by maximum."""

    def pooled(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, 3, stride=1, padding=1)


BLOCKS: list[Any] = [
    inception.BasicConv2d,
    PortedA,
    inception.InceptionB,
    PortedC,
    inception.InceptionD,
    PortedE,
    inception.InceptionAux,
]
