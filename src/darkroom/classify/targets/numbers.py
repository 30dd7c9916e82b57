"""One or several numbers per image."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from darkroom import settings
from darkroom.data.store import Store
from darkroom.fit.task import Totals
from darkroom.nets.rescale import Rescale


class Numbers:
    """Numbers in the table's units; the loss sees them standardized by the network's last step."""

    def __init__(self, rescale: Rescale) -> None:
        self.rescale = rescale

    @staticmethod
    def check(store: Store, rows: np.typing.NDArray[np.int64]) -> None:
        """Raise ValueError naming a number that all the rows share, or if there are no rows."""
        values = store.targets[rows]
        if not len(rows):
            raise ValueError(f"{store.name} has no training images with a number; see data.split in the config")
        for name, column in zip(store.target.names, values.T, strict=True):
            if column.min() == column.max():
                raise ValueError(
                    f"data.source.numbers: {settings.quoted(name)} is {column[0]:g} in all training images, so there is "
                    "nothing to learn; remove it"
                )

    def totals(self) -> Totals:
        """Return the accumulator of an epoch's measures."""
        return Totals()

    def encode(self, targets: Tensor) -> Tensor:
        """Return the targets (B, M), which are floats already."""
        return targets

    def compared(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return outputs and targets (B, M) standardized."""
        return self.rescale.standardized(outputs), self.rescale.standardized(targets)

    def progress(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Return the mean absolute error: in units of one number, in standard deviations of several."""
        if len(self.rescale.mean) == 1:
            return {"mae": (outputs - targets).abs().mean()}
        return {"standardized_mae": ((outputs - targets) / self.rescale.std).abs().mean()}

    def measures(self, outputs: Tensor, targets: Tensor, loss: nn.Module) -> dict[str, Tensor]:
        """Return the loss that training minimizes, and the mean absolute error."""
        return {"loss": loss(*self.compared(outputs, targets)), **self.progress(outputs, targets)}
