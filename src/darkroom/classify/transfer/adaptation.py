"""What the ways to train a pretrained network by gradient steps have in common."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from darkroom.classify.transfer.head_first import HeadFirst
from darkroom.nets.transfer import Pretrained

STAGES = 4
"""Image sizes that progressive resizing steps through."""


class Adaptation(HeadFirst):
    """Decides, once the head is fitted, which parameters train, at what rate, in which mode, and on which image size.

    The default trains all of them alike on the network's own size. `frozen_norm` keeps batch normalization's running
    statistics, which a few images per class would make worse; its scales and biases train.
    """

    gradient = True

    def __init__(self, *, frozen_norm: bool = True, start_size: float = 1.0) -> None:
        super().__init__()
        self.frozen_norm, self.start_size = frozen_norm, start_size
        self.full = 0

    def prepare(self, network: Pretrained) -> None:
        """Choose the parameters to train, before the optimizer is built."""

    def rates(self, network: Pretrained) -> Mapping[str, float]:
        """Return factors on the learning rate by name of parameter; those without one take 1."""
        return {}

    def set_mode(self, network: Pretrained) -> None:
        """Put layers that must not change with the batch into inference mode; called whenever training mode is set."""
        for module in network.backbone.modules():
            frozen = not any(p.requires_grad for p in module.parameters())
            if isinstance(module, _BatchNorm) and (self.frozen_norm or frozen):
                module.eval()

    def resize(self, network: Pretrained, progress: float) -> None:
        """Set the input side for this progress in [0, 1]: it grows to the full one in `STAGES` equal stages.

        Progressive resizing as in EfficientNetV2 (Tan & Le 2021, arXiv 2104.00298, algorithm 1), in multiples of the
        backbone's stride. The last stage trains on the full size, on which the network is then evaluated.
        """
        if self.start_size == 1:
            return
        backbone = network.backbone
        self.full = self.full or backbone.side
        stage = min(int(progress * STAGES), STAGES - 1) / (STAGES - 1)
        wanted = self.full * (self.start_size + (1 - self.start_size) * stage)
        grid = max(backbone.stride, round(wanted / backbone.stride) * backbone.stride)
        backbone.side = self.full if stage == 1 else min(self.full, grid)

    def finish(self, network: Pretrained) -> None:
        """Bring the trained network into the form in which it is saved."""


def freeze(network: nn.Module) -> None:
    """Exclude all parameters from training."""
    network.requires_grad_(False)
