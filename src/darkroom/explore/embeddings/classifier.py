"""Features of a classifier of the config."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from darkroom.data.store import Store
from darkroom.fit.model import predict, read_about, rebuild
from darkroom.registry import register
from darkroom.settings import Name


@register("embedding", "classifier")
class ClassifierFeatures:
    """Features before the last layer of a classifier, trained under its first policy and seed."""

    SUPERVISED = True

    def __init__(self, *, model: Annotated[Name, Field(description="a model in `classify.models`")]) -> None:
        self.model = model

    def embed(self, store: Store, *, classifier: Path | None, workers: int) -> NDArray[np.float32]:
        """Return the features (N, D) of all images; the bytes do not depend on `workers`.

        Raises ValueError if the network has no features.
        """
        assert classifier is not None, "the job passes the folder of the classifier"
        about = read_about(classifier)
        network: Any = rebuild("network", classifier, about.shape, len(about.target.names))
        if not hasattr(network, "features"):
            raise ValueError(
                f"explore.embeddings: {self.model} is a network {about.plugin['name']}, which has no features"
            )
        return predict(network.features, store.samples, np.arange(len(store.samples)), workers=workers)
