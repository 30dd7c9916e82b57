"""Samplers, independent of any network: `step` takes a denoiser's prediction.

    sampler = SAMPLERS["ddim"](schedule, 20, prediction="v", clip=True)
    for index, time in enumerate(sampler.times):
        noisy = sampler.step(predict(noisy, time), index, noisy, draw)

Times are spaced evenly from the last one down ("trailing", Lin et al. 2024), so sampling starts from almost pure noise;
after the last time comes the clean image. With the same noise and predictions each sampler agrees with diffusers'
scheduler of the same name (tested).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from darkroom.generate.diffusion.noise_schedule import NoiseSchedule, Prediction, parts


class Sampler(ABC):
    """Goes from time `times[0]` to the clean image in `steps` steps; one object per batch.

    Images, predictions and draws are float32 (B, C, H, W), images in [-1, 1]. With `clip` the predicted image is clipped to
    that range and the predicted noise recomputed from it.
    """

    def __init__(self, schedule: NoiseSchedule, steps: int, *, prediction: Prediction, clip: bool) -> None:
        if not 1 <= steps <= len(schedule):
            raise ValueError(
                f"got {steps} sampling steps; expected 1 to {len(schedule)}, the steps of the noise schedule; "
                "change the generator's steps or noise_steps"
            )
        self.prediction, self.clip = prediction, clip
        spread = np.arange(len(schedule), 0, -len(schedule) / steps)[:steps]
        self.times = torch.from_numpy(spread.round().astype(np.int64) - 1).to(schedule.alpha_bar.device)
        kept = schedule.alpha_bar[self.times]
        self.kept = torch.cat([kept, torch.ones_like(kept[:1])])
        """alpha_bar at each of the times, then 1 for the clean image."""
        self.alpha, self.sigma = self.kept.sqrt(), (1 - self.kept).sqrt()

    def step(self, predicted: Tensor, index: int, noisy: Tensor, draw: Callable[[], Tensor]) -> Tensor:
        """Return the images at the next time, given those at `times[index]` and the prediction for them.

        `draw` returns standard normal noise in the shape of the images; only samplers that add noise call it.
        """
        alpha, sigma = self.alpha[index], self.sigma[index]
        clean, noise = parts(self.prediction, predicted, noisy, (alpha, sigma))
        if self.clip:
            clean = clean.clamp(-1, 1)
            noise = (noisy - alpha * clean) / sigma
        return self.towards(clean, noise, index, noisy, draw)

    @abstractmethod
    def towards(self, clean: Tensor, noise: Tensor, index: int, noisy: Tensor, draw: Callable[[], Tensor]) -> Tensor:
        """Return the images at the next time, given the clean image and the noise predicted for `noisy`."""

    def posterior_variance(self, index: int) -> Tensor:
        """Return the variance of q(x_prev | x, x0)."""
        now, then = self.kept[index], self.kept[index + 1]
        return (1 - then) / (1 - now) * (1 - now / then)


class Ancestral(Sampler):
    """Ancestral sampling (DDPM, Ho et al. 2020) with the smaller of its two variances, the posterior's."""

    def towards(self, clean: Tensor, noise: Tensor, index: int, noisy: Tensor, draw: Callable[[], Tensor]) -> Tensor:
        """Draw from q(x_prev | x, x0)."""
        now, then = self.kept[index], self.kept[index + 1]
        mean = then.sqrt() * (1 - now / then) / (1 - now) * clean + (now / then).sqrt() * (1 - then) / (1 - now) * noisy
        if index == len(self.times) - 1:
            return mean
        return mean + self.posterior_variance(index).sqrt() * draw()


class DDIM(Sampler):
    """Denoising diffusion implicit model (Song et al. 2021): deterministic at `eta` 0, as much noise as DDPM at 1."""

    def __init__(
        self, schedule: NoiseSchedule, steps: int, *, prediction: Prediction, clip: bool, eta: float = 0.0
    ) -> None:
        super().__init__(schedule, steps, prediction=prediction, clip=clip)
        self.eta = eta

    def towards(self, clean: Tensor, noise: Tensor, index: int, noisy: Tensor, draw: Callable[[], Tensor]) -> Tensor:
        """Keep the predicted noise, except for the part that is redrawn."""
        then = self.kept[index + 1]
        deviation = self.eta * self.posterior_variance(index).sqrt()
        following = then.sqrt() * clean + (1 - then - deviation.square()).clamp_min(0).sqrt() * noise
        if self.eta == 0 or index == len(self.times) - 1:
            return following
        return following + deviation * draw()


class DPMSolver(Sampler):
    """DPM-Solver++(2M) (Lu et al. 2022): second order, from the last two predicted images.

    The first and the last step are first order: there is no earlier prediction, and the clean image has infinite log-SNR.
    """

    earlier: Tensor

    def __init__(self, schedule: NoiseSchedule, steps: int, *, prediction: Prediction, clip: bool) -> None:
        super().__init__(schedule, steps, prediction=prediction, clip=clip)
        # via σ/α, to round as diffusers does: at α = 5e-5 an error of 1e-7 in σ becomes 2e-3 in the image
        ratio = ((1 - self.kept) / self.kept).sqrt()
        self.alpha = 1 / (ratio.square() + 1).sqrt()
        self.sigma = ratio * self.alpha

    def towards(self, clean: Tensor, noise: Tensor, index: int, noisy: Tensor, draw: Callable[[], Tensor]) -> Tensor:
        """Take one step of the exponential integrator in λ = log(α/σ)."""
        alpha, sigma = self.alpha, self.sigma
        half_log_snr = alpha.log() - sigma.log()
        ahead = half_log_snr[index + 1] - half_log_snr[index]
        ahead_clean = clean
        if 0 < index < len(self.times) - 1:
            behind = half_log_snr[index] - half_log_snr[index - 1]
            ahead_clean = clean + ahead / behind / 2 * (clean - self.earlier)
        self.earlier = clean
        return sigma[index + 1] / sigma[index] * noisy - alpha[index + 1] * torch.expm1(-ahead) * ahead_clean


SAMPLERS: dict[str, type[Sampler]] = {"ancestral": Ancestral, "ddim": DDIM, "dpm_solver": DPMSolver}
