"""Feature spaces that images are compared in: the data set's judge, and an ImageNet network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from darkroom import files
from darkroom.fit.model import predict, read_about, rebuild
from darkroom.nets import pretrained

Images = NDArray[np.uint8]  # (N, H, W, C)
Features = NDArray[np.float32]  # (N, D)
FeatureExtractor = Callable[[Images], Features]

JUDGE = "judge.json"
SIDE = 64
"""Side in pixels that images are resized to for the ImageNet network: cheap, and enough for images as small as these."""


@dataclass(frozen=True)
class JudgeClassifier:
    """The classifier in a `generate judge` folder; `reason` says why it is untrained, empty if it is trained."""

    network: nn.Module
    classes: tuple[str, ...]
    reason: str

    @property
    def trained(self) -> bool:
        """Whether its predictions mean anything; its features are useful either way."""
        return not self.reason

    def features(self, images: Images) -> Features:
        """Return the features (N, D) of images."""
        return predict(self.network.features, images, np.arange(len(images)))  # type: ignore[arg-type]

    def probabilities(self, images: Images) -> NDArray[np.float32]:
        """Return the predicted probability of each class, (N, K)."""
        return predict(lambda batch: self.network(batch).float().softmax(1), images, np.arange(len(images)))

    def classify(self, images: Images) -> NDArray[np.int64]:
        """Return the predicted class (N,) of each image."""
        classes: NDArray[np.int64] = predict(self.network, images, np.arange(len(images))).argmax(1)
        return classes


def read_judge(folder: Path) -> JudgeClassifier:
    """Load the judge in a stage's folder. Raises FileNotFoundError if its training did not finish."""
    about = read_about(folder)
    network = rebuild("network", folder, about.shape, len(about.classes))
    if about.channels_last:
        network.to(memory_format=torch.channels_last)
    return JudgeClassifier(network, about.classes, files.read_json(folder / JUDGE).get("reason", ""))


def imagenet(version: str) -> FeatureExtractor:
    """Return the pooled features of an ImageNet network.

    Raises ValueError unless this version of its weights is installed.
    """
    if version != (found := pretrained.installed()):
        raise ValueError(f"the spec names {version}, but {found or 'no such package'} is installed; {pretrained.EXTRA}")
    from darkroom.nets.backbone import Backbone  # an extra, absent unless a spec names it

    network = Backbone(side=SIDE)
    return lambda images: predict(network, images, np.arange(len(images)))
