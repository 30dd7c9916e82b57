"""Features of a pretrained backbone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from darkroom.classify.transfer.frozen import extract
from darkroom.data.store import Store
from darkroom.fit.batches import as_tensor
from darkroom.nets.options import Weights
from darkroom.nets.transfer import Pretrained
from darkroom.registry import register
from darkroom.settings import Count, Sha256


@register("embedding", "pretrained")
class PretrainedFeatures:
    """Pooled features of a backbone of timm, torchvision or `pretrain` with pretrained weights."""

    SUPERVISED = False

    def __init__(
        self,
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
    ) -> None:
        self.options = {"backbone": backbone, "weights": weights, "sha256": sha256, "size": size}

    def embed(self, store: Store, *, classifier: Path | None, workers: int) -> NDArray[np.float32]:
        """Return the features (N, D) of all images; the bytes do not depend on `workers`."""
        network = Pretrained(store.shape, 1, **self.options)  # type: ignore[arg-type]
        network.load_pretrained()
        values = np.empty((len(store.samples), network.backbone.features_size), np.float32)
        rows = np.arange(len(store.samples))
        extract(network, lambda view, some, index: as_tensor(store.samples[some]), [(0, rows)], values, workers=workers)
        return values
