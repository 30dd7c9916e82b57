"""What images are compared in: the features of the data set's judge, and those of an ImageNet network."""

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
Look = Callable[[Images], Features]

JUDGE = "judge.json"
SIDE = 64
"""Pixels that images are made high and wide for the ImageNet network: cheap, and enough for images as small as these."""


@dataclass(frozen=True)
class Judge:
    """The classifier in a `generate judge` folder; `reason` says why it is not trained, empty where it is."""

    network: nn.Module
    classes: tuple[str, ...]
    reason: str

    @property
    def trained(self) -> bool:
        """Whether its answers mean something; its features are of use either way."""
        return not self.reason

    def look(self, images: Images) -> Features:
        """The features (N, D) of images."""
        return predict(self.network.features, images, np.arange(len(images)))  # type: ignore[arg-type]

    def probabilities(self, images: Images) -> NDArray[np.float32]:
        """How likely it finds each class: (N, K)."""
        return predict(lambda batch: self.network(batch).float().softmax(1), images, np.arange(len(images)))

    def answer(self, images: Images) -> NDArray[np.int64]:
        """The class (N,) that each image is taken for."""
        answers: NDArray[np.int64] = predict(self.network, images, np.arange(len(images))).argmax(1)
        return answers


def read_judge(folder: Path) -> Judge:
    """The judge in a stage's folder. Raises FileNotFoundError when its training did not finish."""
    about = read_about(folder)
    network = rebuild("network", folder, about.shape, len(about.classes))
    if about.channels_last:
        network.to(memory_format=torch.channels_last)
    return Judge(network, about.classes, files.read_json(folder / JUDGE).get("reason", ""))


def imagenet(version: str) -> Look:
    """What an ImageNet network makes of images: its pooled features.

    Raises ValueError when not this version of its weights is installed.
    """
    if version != (found := pretrained.installed()):
        raise ValueError(f"the spec names {version}, but {found or 'no such package'} is installed; {pretrained.EXTRA}")
    from darkroom.nets.backbone import Backbone  # an extra: not there where no spec names it

    network = Backbone(side=SIDE)
    return lambda images: predict(network, images, np.arange(len(images)))
