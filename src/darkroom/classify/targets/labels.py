"""Several labels per image, each present or not."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.data.store import Store
from darkroom.fit.task import Totals
from darkroom.fit.together import gathered
from darkroom.measure.ranking import average_precision


class SeveralLabels:
    """Any number of labels at once; targets are 0 or 1 per label, between them if images are mixed."""

    @staticmethod
    def check(store: Store, rows: np.typing.NDArray[np.int64]) -> None:
        """Raise ValueError unless some label is present in one of the rows and absent in another."""
        values = store.targets[rows]
        if not len(rows) or not (values.min(0) < values.max(0)).any():
            raise ValueError(
                f"classify needs training images with and without some label; in {store.name} all have the same ones. "
                "Add images, or remove the section"
            )

    def totals(self) -> Totals:
        """Return the accumulator of an epoch's measures, which forms F1 and mAP from all of the epoch's images."""
        return OverImages()

    def encode(self, targets: Tensor) -> Tensor:
        """Return the targets (B, K), which are floats already."""
        return targets

    def compared(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return outputs and targets (B, K) as the loss takes them: unchanged."""
        return outputs, targets

    def progress(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Return the micro-averaged F1 of a training batch at threshold 0.5; mixed images count by their shares."""
        counts = _counts(outputs, targets)
        return {"f1": _f1(counts["hits"], counts["wrong"])}

    def measures(self, outputs: Tensor, targets: Tensor, loss: nn.Module) -> dict[str, Tensor]:
        """Return binary cross-entropy in nats, summed over labels, whatever the training minimizes, and what `OverImages`
        takes for F1 and mAP."""
        losses = F.binary_cross_entropy_with_logits(outputs, targets, reduction="none")
        return {"loss": losses.sum(1).mean(), **_counts(outputs, targets), "outputs": outputs, "targets": targets}


class OverImages(Totals):
    """Means over an epoch, and micro-averaged F1 and mean average precision over all its images."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def add(self, values: dict[str, Tensor], items: int) -> None:
        """Add the measures of one batch."""
        values = dict(values)
        self.seen.append(torch.stack([values.pop("outputs").detach().float(), values.pop("targets").float()], 1))
        super().add(values, items)

    def close(self) -> dict[str, float]:
        """Return the means since the last call, with `f1` and `map` in place of what they are formed from."""
        means = super().close()
        if not means:
            return means
        hits, wrong = means.pop("hits"), means.pop("wrong")
        outputs, targets = gathered(torch.cat(self.seen)).cpu().numpy().transpose(1, 2, 0)  # (K, N) each
        self.seen = []
        found = {**means, "f1": hits / max(hits + wrong / 2, 1e-12)}
        mixed = [k for k, column in enumerate(targets) if column.min() < column.max()]
        if not mixed:
            return found
        finite = bool(np.isfinite(outputs).all())  # after a training that diverged, which the loop reports
        ranked = [average_precision(targets[k], outputs[k])[0] if finite else np.nan for k in mixed]
        return {**found, "map": float(np.mean(ranked))}


def _counts(outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """Return true positives, and false positives plus false negatives, per image."""
    found = (outputs > 0).float()  # a probability above 0.5
    return {"hits": (found * targets).sum(1).mean(), "wrong": (found - targets).abs().sum(1).mean()}


def _f1(hits: Tensor, wrong: Tensor) -> Tensor:
    return hits / (hits + wrong / 2).clamp_min(1e-12)
