"""Linear heads by convex optimization: L-BFGS over features that are read block by block.

The problem is scikit-learn's, C * sum of weighted losses + |W|^2 / 2, divided by C times the sum of the weights, so that
the same C means the same head. Fits without each of several folds run side by side: one pass over the features serves all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from darkroom.classify.transfer.heads.examples import Examples, Standardized

Loss = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Maps logits (N, F, K) and labels (N,), or (N, K), to losses (N, F) and their gradients by the logits (N, F, K)."""
STRENGTHS = tuple(10.0 ** (power / 2) for power in range(-10, 3))
"""Values of C to choose from, from the strongest regularization to the weakest."""
STEPS = 500
ROUGHLY = 1e-4
"""Tolerance of fits that only compare values of C."""
PATIENCE = 2
"""The search ends after this many values of C in a row that lower the held-out loss no further."""


class Linear:
    """Weights (F, K, D) and biases (F, K) of F fits with other weights of the examples each, float64."""

    def __init__(self, data: Standardized, fits: int) -> None:
        self.data, self.classes = data, data.examples.classes
        self.fits, self.width = fits, data.examples.width
        self.parameters = torch.zeros(fits, self.classes, self.width + 1, dtype=torch.float64)

    def fit(self, loss: Loss, weights: Tensor, c: float, *, penalize_bias: bool, tolerance: float = 1e-6) -> None:
        """Minimize the loss with examples weighted by `weights` (F, N), starting from the current parameters.

        Ends once no entry of the gradient exceeds `tolerance`, or after `STEPS` steps.
        """
        strength = 1 / (c * weights.double().sum(1).clamp(min=1e-12))[:, None, None]
        penalized = torch.ones(self.width + 1, dtype=torch.float64)
        penalized[-1] = float(penalize_bias)
        scaled = (weights / weights.sum(1, keepdim=True).clamp(min=1e-12)).T.float()  # (N, F)
        theta = self.parameters.requires_grad_(True)
        optimizer = torch.optim.LBFGS(
            [theta],
            max_iter=STEPS,
            tolerance_grad=tolerance,
            tolerance_change=1e-10,
            history_size=20,
            line_search_fn="strong_wolfe",
        )

        @torch.no_grad()
        def closure() -> Tensor:
            kept = theta * penalized
            total = (strength * kept.square()).sum() / 2
            gradient = strength * kept
            for rows, block in self.data.blocks():
                losses, slopes = loss(self._logits(theta, block), self.data.examples.labels[rows])
                total = total + (losses * scaled[rows]).double().sum()
                slopes = (slopes * scaled[rows][:, :, None]).flatten(1)  # (N, F K)
                found = torch.cat([slopes.T @ block, slopes.sum(0)[:, None]], 1)
                gradient += found.view_as(theta).double()
            theta.grad = gradient
            return total

        optimizer.step(closure)
        self.parameters = theta.detach()

    def logits(self) -> Tensor:
        """Return the logits (N, F, K) of all examples."""
        return torch.cat([self._logits(self.parameters, block) for _, block in self.data.blocks()])

    def _logits(self, theta: Tensor, block: Tensor) -> Tensor:
        flat = theta.detach().float().flatten(0, 1)  # (F K, D + 1)
        return torch.addmm(flat[:, -1], block, flat[:, :-1].T).view(len(block), self.fits, self.classes)

    def module(self, scale: float = 1.0) -> nn.Linear:
        """Return the first fit as a layer for plain features, its logits multiplied by `scale`."""
        weight, bias = self.data.unfold(self.parameters[0, :, :-1], self.parameters[0, :, -1])
        return as_layer(scale * weight, scale * bias)


def as_layer(weight: Tensor, bias: Tensor) -> nn.Linear:
    """Return a linear layer with these weights (K, D) and biases (K,)."""
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    return layer


def out_of_fold(logits: Tensor, folds: Tensor, held_out: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return rows (M,) that some fit has not seen and their logits (M, K) by that fit, from logits (N, F, K)."""
    rows = [torch.nonzero(folds == fold)[:, 0] for fold in held_out]
    return torch.cat(rows), torch.cat([logits[chosen, fit] for fit, chosen in enumerate(rows)])


def best_strength(data: Standardized, loss: Loss, *, penalize_bias: bool) -> tuple[float, Tensor, Tensor]:
    """Choose C by the mean loss of held-out examples; returns it with those rows (M,) and their logits (M, K).

    With a single fold nothing can be held out: C is then 1, and the examples' own logits are returned.
    """
    examples = data.examples
    held_out = examples.held_out()
    if len(examples.folds.unique()) < 2:
        linear = Linear(data, 1)
        linear.fit(loss, examples.weights[None], 1.0, penalize_bias=penalize_bias)
        return 1.0, torch.arange(len(examples)), linear.logits()[:, 0]
    linear, weights = Linear(data, len(held_out)), examples.fitting(held_out)
    best: tuple[float, float, Tensor, Tensor] | None = None
    worse = 0
    for c in STRENGTHS:
        linear.fit(loss, weights, c, penalize_bias=penalize_bias, tolerance=ROUGHLY)
        rows, logits = out_of_fold(linear.logits(), examples.folds, held_out)
        losses, _ = loss(logits[:, None], examples.labels[rows])
        found = float((losses[:, 0] * examples.weights[rows]).double().sum() / examples.weights[rows].double().sum())
        if best is None or found < best[0]:
            best, worse = (found, c, rows, logits), 0
        else:
            worse += 1
        if worse == PATIENCE:
            break
    assert best is not None
    return best[1:]


def fitted(examples: Examples, loss: Loss, c: float | None) -> nn.Linear:
    """Return the linear head that minimizes a loss, with the best C in cross-validation unless it is given."""
    data = examples.standardized()
    chosen = c if c is not None else best_strength(data, loss, penalize_bias=False)[0]
    linear = Linear(data, 1)
    linear.fit(loss, examples.weights[None], chosen, penalize_bias=False)
    return linear.module()
