"""Ridge regression."""

from __future__ import annotations

from torch import Tensor, nn

from darkroom.classify.transfer.heads.examples import Examples
from darkroom.classify.transfer.heads.linear import fitted
from darkroom.classify.transfer.options import Strength
from darkroom.registry import register


@register("head", "ridge")
class Ridge:
    """Linear least squares with an L2 penalty on standardized features, for standardized numbers (Hoerl & Kennard 1970)."""

    TARGETS = ("numbers",)

    def __init__(self, *, c: Strength = None) -> None:
        self.c = c

    def fit(self, examples: Examples) -> nn.Linear:
        """Return the fitted head."""
        return fitted(examples, squared_error, self.c)


def squared_error(outputs: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Return half the squared errors (N, F) of outputs (N, F, M) for values (N, M), summed over numbers, and their gradients."""
    errors = outputs - values[:, None]
    return errors.square().sum(2) / 2, errors
