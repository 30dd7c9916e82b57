"""Noise schedules, and the three prediction targets of a denoiser.

A clean image x0 in [-1, 1] is noised to x = α x0 + σ ε with ε standard normal, α² = alpha_bar and σ² = 1 - alpha_bar:
Ho et al. 2020 (linear), Nichol & Dhariwal 2021 (cosine). A denoiser predicts one of

    epsilon   ε                 Ho et al. 2020
    x0        x0
    v         α ε - σ x0        Salimans & Ho 2022

each of which, with x, determines the other two. As a score (Song et al. 2021): ∇ log p(x) = -ε̂/σ, where ε̂ = E[ε | x] is
the prediction of a perfect denoiser. A denoiser thus models the score at every noise level; ancestral sampling solves the
reverse SDE, DDIM and DPM-Solver++ the ODE with the same marginals, and adding a gradient to the score subtracts σ times
that gradient from ε̂ (see guidance).
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

Kind = Literal["linear", "cosine"]
Prediction = Literal["epsilon", "x0", "v"]

FIRST_BETA, LAST_BETA = 1e-4, 0.02
"""First and last beta of the linear schedule, for 1,000 steps (Ho et al. 2020)."""
OFFSET, MOST_BETA = 0.008, 0.999
"""Offset of the cosine schedule, which keeps its first betas from being too small, and its largest beta."""


def betas(kind: Kind, steps: int) -> Tensor:
    """Return the variance (T,) that each of `steps` steps adds, float32."""
    if kind == "linear":
        return torch.linspace(FIRST_BETA, LAST_BETA, steps)
    left = [math.cos((step / steps + OFFSET) / (1 + OFFSET) * math.pi / 2) ** 2 for step in range(steps + 1)]
    return torch.tensor([min(1 - left[step + 1] / left[step], MOST_BETA) for step in range(steps)])


class NoiseSchedule(nn.Module):
    """The signal left at each of T time steps, and what follows from it, in float32.

    Images and predictions are (B, C, H, W); times are integers from 0 (almost clean) to T - 1 (almost pure noise), one per
    image (B,) or one for all.
    """

    alpha_bar: Tensor

    def __init__(self, kind: Kind, steps: int, *, until: int | None = None) -> None:
        """`until` truncates the schedule to its first steps: a sampler then starts from partly noised images."""
        super().__init__()
        # a float32 product, as in diffusers, so that its samplers agree with ours
        self.register_buffer("alpha_bar", torch.cumprod(1 - betas(kind, steps), 0)[:until], persistent=False)

    def __len__(self) -> int:
        return len(self.alpha_bar)

    def levels(self, times: Tensor) -> tuple[Tensor, Tensor]:
        """Return α and σ at these times, shaped to broadcast over images."""
        kept = self.alpha_bar[times]
        kept = kept[:, None, None, None] if kept.ndim else kept
        return kept.sqrt(), (1 - kept).sqrt()

    def noised(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """Return images with this noise added at these times."""
        alpha, sigma = self.levels(times)
        return alpha * clean + sigma * noise

    def target(self, prediction: Prediction, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """Return the prediction target for this clean image and this noise."""
        if prediction == "epsilon":
            return noise
        if prediction == "x0":
            return clean
        alpha, sigma = self.levels(times)
        return alpha * noise - sigma * clean

    def parts(self, prediction: Prediction, predicted: Tensor, noisy: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
        """Return the clean image and the noise that a prediction implies."""
        return parts(prediction, predicted, noisy, self.levels(times))

    def snr(self) -> Tensor:
        """Return the signal-to-noise ratio α²/σ², (T,)."""
        return self.alpha_bar / (1 - self.alpha_bar)

    def weights(self, prediction: Prediction, gamma: float | None) -> Tensor:
        """Return the loss weight of each time step (T,); all ones without `gamma`.

        Min-SNR-γ (Hang et al. 2023) weights the squared error of x0 by min(SNR, γ). The squared error of ε is SNR times
        that of x0, that of v is SNR + 1 times, so their weights are divided by these factors.
        """
        snr = self.snr()
        if gamma is None:
            return torch.ones_like(snr)
        return snr.clamp_max(gamma) / {"epsilon": snr, "x0": torch.ones_like(snr), "v": snr + 1}[prediction]


def parts(
    prediction: Prediction, predicted: Tensor, noisy: Tensor, levels: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Return the predicted clean image and noise in `noisy` at levels (α, σ)."""
    alpha, sigma = levels
    if prediction == "epsilon":
        return (noisy - sigma * predicted) / alpha, predicted
    if prediction == "x0":
        return predicted, (noisy - alpha * predicted) / sigma
    return alpha * noisy - sigma * predicted, sigma * noisy + alpha * predicted
