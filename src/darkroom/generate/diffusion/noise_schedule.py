"""How much noise an image carries at each time step, and the three ways to say what a denoiser predicts.

A clean image x0 in [-1, 1] is noised to x = α x0 + σ ε with ε from a standard normal distribution, α² = alpha_bar and
σ² = 1 - alpha_bar: Ho et al. 2020 (linear), Nichol & Dhariwal 2021 (cosine). A denoiser predicts one of

    epsilon   ε                 Ho et al. 2020
    x0        x0
    v         α ε - σ x0        Salimans & Ho 2022

and each of them, with x, gives the other two. The same thing as a score (Song et al. 2021): the gradient of the log
density of noised images is ∇ log p(x) = -ε̂/σ, where ε̂ = E[ε | x] is what a perfect denoiser predicts. So a denoiser is a
model of the score at every noise level, ancestral sampling solves the reverse stochastic equation, DDIM and DPM-Solver++
the ordinary one with the same densities, and whatever adds a gradient to the score takes σ times it from ε̂: see guidance.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

Kind = Literal["linear", "cosine"]
Prediction = Literal["epsilon", "x0", "v"]

FIRST_BETA, LAST_BETA = 1e-4, 0.02
"""Variances that the linear schedule adds at its first and last step."""
OFFSET, MOST_BETA = 0.008, 0.999
"""The cosine schedule's offset, which keeps the first steps from being too small, and its largest step."""


def betas(kind: Kind, steps: int) -> Tensor:
    """The variance (T,) that each of `steps` steps adds, float32."""
    if kind == "linear":
        return torch.linspace(FIRST_BETA, LAST_BETA, steps)
    left = [math.cos((step / steps + OFFSET) / (1 + OFFSET) * math.pi / 2) ** 2 for step in range(steps + 1)]
    return torch.tensor([min(1 - left[step + 1] / left[step], MOST_BETA) for step in range(steps)])


class NoiseSchedule(nn.Module):
    """Share of the signal that is left at each of T steps, and what follows from it. All in float32.

    Images and predictions are (B, C, H, W); times are integers from 0 (almost clean) to T - 1 (almost pure noise), one an
    image (B,) or one for all.
    """

    alpha_bar: Tensor

    def __init__(self, kind: Kind, steps: int, *, until: int | None = None) -> None:
        """`until` cuts the schedule off after so many steps: a sampler of it starts from images that are noised so far."""
        super().__init__()
        # multiplied up in float32, as diffusers does, so that its samplers go the same way as ours
        self.register_buffer("alpha_bar", torch.cumprod(1 - betas(kind, steps), 0)[:until], persistent=False)

    def __len__(self) -> int:
        return len(self.alpha_bar)

    def levels(self, times: Tensor) -> tuple[Tensor, Tensor]:
        """α and σ at these times, shaped to multiply images."""
        kept = self.alpha_bar[times]
        kept = kept[:, None, None, None] if kept.ndim else kept
        return kept.sqrt(), (1 - kept).sqrt()

    def noised(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """What images look like with this noise at these times."""
        alpha, sigma = self.levels(times)
        return alpha * clean + sigma * noise

    def target(self, prediction: Prediction, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """What a perfect denoiser predicts of images that consist of this image and this noise."""
        if prediction == "epsilon":
            return noise
        if prediction == "x0":
            return clean
        alpha, sigma = self.levels(times)
        return alpha * noise - sigma * clean

    def parts(self, prediction: Prediction, predicted: Tensor, noisy: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
        """The image and the noise that noised images consist of, as a denoiser predicted them."""
        return parts(prediction, predicted, noisy, self.levels(times))

    def snr(self) -> Tensor:
        """The signal-to-noise ratio (T,) α²/σ²."""
        return self.alpha_bar / (1 - self.alpha_bar)

    def weights(self, prediction: Prediction, gamma: float | None) -> Tensor:
        """Weights (T,) of the squared error of each time step; all ones without `gamma`.

        Min-SNR-γ (Hang et al. 2023) weighs the error of x0 by min(SNR, γ). An error of ε is SNR times one of x0, an error
        of v SNR + 1 times, so that the weights of those are divided by these.
        """
        snr = self.snr()
        if gamma is None:
            return torch.ones_like(snr)
        return snr.clamp_max(gamma) / {"epsilon": snr, "x0": torch.ones_like(snr), "v": snr + 1}[prediction]


def parts(
    prediction: Prediction, predicted: Tensor, noisy: Tensor, levels: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """The image and the noise in `noisy` at the levels (α, σ), as they were predicted."""
    alpha, sigma = levels
    if prediction == "epsilon":
        return (noisy - sigma * predicted) / alpha, predicted
    if prediction == "x0":
        return predicted, (noisy - alpha * predicted) / sigma
    return alpha * noisy - sigma * predicted, sigma * noisy + alpha * predicted
