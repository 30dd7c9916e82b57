"""Variational autoencoder on the rows of a table: what the generator `tvae` and the detector `table_vae` share."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from darkroom.fit.config import Training
from darkroom.generate.model import CHUNK, Bound, GenerativeModel
from darkroom.generate.vae.vae import bound_losses, kl_from_normal
from darkroom.nets import layers
from darkroom.nets.table.cells import CellLikelihood

if TYPE_CHECKING:
    from darkroom.generate.task import GeneratorTask


class RowVAE(GenerativeModel):
    """Encodes rows (B, D) to normal distributions over codes, and decodes codes to distributions over rows.

    Conditional on `classes` classes if there are any. `hidden` are the units of the layers of either half; none make it linear.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        *,
        hidden: Sequence[int],
        latent: int,
        activation: Any,
        modes: int,
        limit: float | None,
        beta: float,
    ) -> None:
        super().__init__()
        self.classes, self.latent, self.beta = classes, latent, beta
        self.cells = CellLikelihood(shape, modes=modes, limit=limit)
        self.encoder = perceptron([self.cells.width + classes, *hidden, 2 * latent], activation)
        self.decoder = perceptron([latent + classes, *reversed(hidden), self.cells.width], activation)

    def adapt(self, rows: NDArray[np.float32]) -> None:
        """Fit the input layer to the training rows (N, D)."""
        self.cells.adapt(rows)

    def encode(self, rows: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance, (B, latent) each, of the posterior of rows (B, D) of classes (B,)."""
        return self._posterior(self.cells.vectors(self.cells.choices(rows)), labels)

    def bound(self, rows: Tensor, labels: Tensor, generator: torch.Generator | None = None) -> Bound:
        """Return the ELBO of each row from one posterior draw, from torch's global stream without a generator."""
        device = rows.device if generator is None else generator.device
        noise = torch.randn((1, len(rows), self.latent), generator=generator, device=device).to(rows.device)
        return self.bound_at(rows, labels, noise)

    def bound_at(self, rows: Tensor, labels: Tensor, noise: Tensor) -> Bound:
        """Return the ELBO of each row (B,) from the posterior draws that this noise (L, B or 1, latent) makes."""
        found = self.cells.choices(rows)
        mean, log_variance = self._posterior(self.cells.vectors(found), labels)
        each = [
            self.cells.log_prob(self._decoded(mean + draw * (log_variance / 2).exp(), labels), found) for draw in noise
        ]
        return Bound(torch.stack(each).mean(0), kl_from_normal(mean, log_variance))

    def sample(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Draw rows (N, D) of classes (N,)."""
        made = []
        for some in labels.split(CHUNK):
            codes = torch.randn(len(some), self.latent, generator=generator).to(labels.device)
            made.append(self.cells.draw(self._decoded(codes, some), generator))
        return torch.cat(made)

    def losses(self, images: Tensor, labels: Tensor, *, progress: float = 1.0) -> dict[str, Tensor]:
        """Return batch means of the loss, beta · KL - log-likelihood, the bound and its parts."""
        return bound_losses(self.bound(images, labels), self.beta)

    def task(self, training: Training) -> GeneratorTask:
        """Return the task that trains it."""
        from darkroom.generate.task import GeneratorTask

        return GeneratorTask(self, training)

    def _posterior(self, vectors: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.encoder(self._with_class(vectors, labels)).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 6)

    def _decoded(self, codes: Tensor, labels: Tensor) -> Tensor:
        parameters: Tensor = self.decoder(self._with_class(codes, labels))
        return parameters

    def _with_class(self, vectors: Tensor, labels: Tensor) -> Tensor:
        return torch.cat([vectors, F.one_hot(labels, self.classes).to(vectors)], 1) if self.classes else vectors


def perceptron(widths: Sequence[int], activation: Any) -> nn.Sequential:
    """Build linear layers of these widths, with an activation function between each two."""
    body: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        body += [nn.Linear(before, after), layers.activation(activation)]
    return nn.Sequential(*body[:-1])
