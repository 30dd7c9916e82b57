"""One class per image."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom import settings
from darkroom.classify.links import softmax_logits
from darkroom.classify.losses.soft import jensen_shannon, soft_accuracy
from darkroom.data.store import Store
from darkroom.fit.task import Totals


class OneClass:
    """One of several classes; targets are class probabilities, one-hot unless images are mixed.

    `link` says how the outputs become class probabilities, see `classify.links`.
    """

    def __init__(self, classes: int, link: str = "softmax") -> None:
        self.classes, self.link = classes, link

    @staticmethod
    def check(store: Store, rows: np.typing.NDArray[np.int64]) -> None:
        """Raise ValueError if the rows have fewer than two classes."""
        classes = np.unique(store.labels[rows])
        if len(classes) < 2:
            named = f"only {settings.quoted(store.classes[classes[0]])}" if len(classes) else "none"
            raise ValueError(
                f"classify needs training images of at least two classes; {store.name} has {named}. "
                "Add another to data.source, or remove the section classify"
            )

    def totals(self) -> Totals:
        """Return the accumulator of an epoch's measures."""
        return Totals()

    def encode(self, labels: Tensor) -> Tensor:
        """Return labels (B,) one-hot (B, K)."""
        return F.one_hot(labels, self.classes).float()

    def compared(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return outputs and targets (B, K) as the loss takes them: unchanged."""
        return outputs, targets

    def divergence(self, *outputs: Tensor) -> Tensor:
        """Return the Jensen-Shannon divergence between predictions for several views, from outputs (B, K)."""
        return jensen_shannon(*(softmax_logits(each, self.link) for each in outputs))

    def progress(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Return the accuracy on a training batch; a mixed image counts by the share of its predicted class."""
        return {"accuracy": soft_accuracy(outputs, targets)}

    def measures(self, outputs: Tensor, labels: Tensor, loss: nn.Module) -> dict[str, Tensor]:
        """Return cross-entropy in nats, whatever the training minimizes, and accuracy."""
        return {
            "loss": F.cross_entropy(softmax_logits(outputs, self.link), labels),
            "accuracy": (outputs.argmax(1) == labels).float().mean(),
        }
