"""A trained classifier that another one learns from."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from darkroom.classify.links import softmax_logits
from darkroom.fit.model import read_about, rebuild


class Teacher:
    """Maps images (B, C, H, W) to the logits (B, K) of the classifier in a model folder, in eval mode and without gradients.

    This is no module, so that a task which holds one neither trains nor saves it.
    """

    def __init__(self, folder: Path) -> None:
        about = read_about(folder)
        self.link = about.link
        self.network = rebuild("network", folder, about.shape, len(about.classes)).requires_grad_(False)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        outputs: Tensor = self.network.to(images.device)(images).float()
        return softmax_logits(outputs, self.link)
