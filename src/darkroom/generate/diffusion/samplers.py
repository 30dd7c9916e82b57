"""From noise to images in few steps, apart from any network: `step` is handed what a denoiser predicted.

    sampler = SAMPLERS["ddim"](schedule, 20, prediction="v", clip=True)
    for index, time in enumerate(sampler.times):
        noisy = sampler.step(predict(noisy, time), index, noisy, draw)

Times are spread from the last one downwards ("trailing", Lin et al. 2024), so that sampling starts where images are
almost pure noise; the step after the last time is the clean image. With the same noise and predictions each sampler
agrees with diffusers' scheduler of the same name: tests hold it to that.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from darkroom.generate.diffusion.noise_schedule import NoiseSchedule, Prediction, parts


class Sampler(ABC):
    """Goes from the time `times[0]` to the clean image in `steps` steps; one object serves one batch.

    Images, predictions and draws are float32 (B, C, H, W), images in [-1, 1]. With `clip` a predicted image is cut to that
    range, and the predicted noise is what is then left.
    """

    def __init__(self, schedule: NoiseSchedule, steps: int, *, prediction: Prediction, clip: bool) -> None:
        if not 1 <= steps <= len(schedule):
            raise ValueError(
                f"got {steps} sampling steps; expected 1 to {len(schedule)}, the steps of the noise schedule: "
                "change the generator's steps or noise_steps"
            )
        self.prediction, self.clip = prediction, clip
        spread = np.arange(len(schedule), 0, -len(schedule) / steps)[:steps]
        self.times = torch.from_numpy(spread.round().astype(np.int64) - 1).to(schedule.alpha_bar.device)
        kept = schedule.alpha_bar[self.times]
        self.kept = torch.cat([kept, torch.ones_like(kept[:1])])
        """alpha_bar at each of the times, and 1 for the clean image; α and σ there."""
        self.alpha, self.sigma = self.kept.sqrt(), (1 - self.kept).sqrt()

    def step(self, predicted: Tensor, index: int, noisy: Tensor, draw: Callable[[], Tensor]) -> Tensor:
        """The images at the next time, from those at `times[index]` and what was predicted of them.

        `draw` gives standard normal noise in the shape of the images; only a sampler that adds noise calls it.
        """
        alpha, sigma = self.alpha[index], self.sigma[index]
        clean, noise = parts(self.prediction, predicted, noisy, (alpha, sigma))
        if self.clip:
            clean = clean.clamp(-1, 1)
            noise = (noisy - alpha * clean) / sigma
        return self.towards(clean, noise, index, noisy, draw)

    @abstractmethod
    def towards(self, clean: Tensor, noise: Tensor, index: int, noisy: Tensor, draw: Callable[[], Tensor]) -> Tensor:
        """As `step`, given the image and the noise that `noisy` is taken to consist of."""

    def posterior_variance(self, index: int) -> Tensor:
        """Variance of the next image given this one and the clean one, q(x_prev | x, x0)."""
        now, then = self.kept[index], self.kept[index + 1]
        return (1 - then) / (1 - now) * (1 - now / then)


class Ancestral(Sampler):
    """The chain of the model itself (DDPM, Ho et al. 2020), with the smaller of its two variances."""

    def towards(self, clean: Tensor, noise: Tensor, index: int, noisy: Tensor, draw: Callable[[], Tensor]) -> Tensor:
        """A draw from q(x_prev | x, x0)."""
        now, then = self.kept[index], self.kept[index + 1]
        mean = then.sqrt() * (1 - now / then) / (1 - now) * clean + (now / then).sqrt() * (1 - then) / (1 - now) * noisy
        if index == len(self.times) - 1:
            return mean
        return mean + self.posterior_variance(index).sqrt() * draw()


class DDIM(Sampler):
    """Denoising diffusion implicit models (Song et al. 2021): no noise at `eta` 0, as much as DDPM at 1."""

    def __init__(
        self, schedule: NoiseSchedule, steps: int, *, prediction: Prediction, clip: bool, eta: float = 0.0
    ) -> None:
        super().__init__(schedule, steps, prediction=prediction, clip=clip)
        self.eta = eta

    def towards(self, clean: Tensor, noise: Tensor, index: int, noisy: Tensor, draw: Callable[[], Tensor]) -> Tensor:
        """Keep the predicted noise, but for the part that is drawn anew."""
        then = self.kept[index + 1]
        deviation = self.eta * self.posterior_variance(index).sqrt()
        following = then.sqrt() * clean + (1 - then - deviation.square()).clamp_min(0).sqrt() * noise
        if self.eta == 0 or index == len(self.times) - 1:
            return following
        return following + deviation * draw()


class DPMSolver(Sampler):
    """DPM-Solver++(2M) (Lu et al. 2022): second order in the predicted image, from the last two of them.

    The first and the last step are of first order: there is nothing before the one, and the clean image lies at an
    infinite log-SNR.
    """

    earlier: Tensor

    def __init__(self, schedule: NoiseSchedule, steps: int, *, prediction: Prediction, clip: bool) -> None:
        super().__init__(schedule, steps, prediction=prediction, clip=clip)
        # by way of σ/α, as diffusers rounds: where α is 5e-5, predicted noise makes 1e-7 of σ 2e-3 of the image
        ratio = ((1 - self.kept) / self.kept).sqrt()
        self.alpha = 1 / (ratio.square() + 1).sqrt()
        self.sigma = ratio * self.alpha

    def towards(self, clean: Tensor, noise: Tensor, index: int, noisy: Tensor, draw: Callable[[], Tensor]) -> Tensor:
        """One step of the exponential integrator in λ = log(α/σ)."""
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
