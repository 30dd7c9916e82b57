"""Any softmax loss of shifted logits."""

from __future__ import annotations

from torch import Tensor, nn


class Adjusted(nn.Module):
    """The loss of logits (B, K), and a teacher's, to which `shift` (K,) is added in training; see `augment.remedies`."""

    shift: Tensor

    def __init__(self, loss: nn.Module, shift: Tensor) -> None:
        super().__init__()
        self.loss = loss
        self.register_buffer("shift", shift, persistent=False)

    def forward(self, logits: Tensor, targets: Tensor, *taught: Tensor) -> Tensor:
        loss: Tensor = self.loss(logits + self.shift, targets, *(each + self.shift for each in taught))
        return loss
