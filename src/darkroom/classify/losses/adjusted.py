"""Any softmax loss of shifted logits."""

from __future__ import annotations

from torch import Tensor, nn


class Adjusted(nn.Module):
    """The loss of logits (B, K) to which `shift` (K,) is added in training only; see `augment.remedies.LogitAdjustment`."""

    shift: Tensor

    def __init__(self, loss: nn.Module, shift: Tensor) -> None:
        super().__init__()
        self.loss = loss
        self.register_buffer("shift", shift, persistent=False)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        loss: Tensor = self.loss(logits + self.shift, targets)
        return loss
