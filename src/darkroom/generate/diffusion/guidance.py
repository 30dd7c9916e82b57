"""Samples that show their class more clearly: both ways aim at p(x) p(y|x)^w.

At w = 1 that is the model's own p(x|y), at 0 all classes alike, above 1 the typical images of a class at the cost of
variety. Classifier-free guidance (Ho & Salimans 2022) takes p(y|x) from the difference of a denoiser with and without the
label; classifier guidance (Dhariwal & Nichol 2021) from a classifier of noised images.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from darkroom.generate.diffusion.noise_schedule import NoiseSchedule, Prediction


def classifier_free(
    denoiser: nn.Module, noisy: Tensor, times: Tensor, labels: Tensor, *, null: int, weight: float
) -> Tensor:
    """uncond + w (cond - uncond), from one batch of twice the size; (B, C, H, W) float32.

    `null` is the label that stands for none. Weights 1 and 0 need one half only.
    """
    none = torch.full_like(labels, null)
    if weight in (0, 1):
        predicted: Tensor = denoiser(noisy, times, labels if weight else none)
        return predicted.float()
    both = denoiser(torch.cat([noisy, noisy]), torch.cat([times, times]), torch.cat([labels, none]))
    conditional, unconditional = both.float().chunk(2)
    return torch.lerp(unconditional, conditional, weight)


def by_classifier(
    predicted: Tensor,
    noisy: Tensor,
    times: Tensor,
    gradient: Tensor,
    *,
    weight: float,
    schedule: NoiseSchedule,
    prediction: Prediction,
) -> Tensor:
    """An unconditional prediction moved along the gradient of log p(y|x): ε̂ - w σ ∇ log p(y|x), in its own terms."""
    alpha, sigma = schedule.levels(times)
    clean, noise = schedule.parts(prediction, predicted, noisy, times)
    push = weight * sigma * gradient
    return schedule.target(prediction, clean + sigma / alpha * push, noise - push, times)


def log_probability_gradient(classifier: nn.Module, noisy: Tensor, times: Tensor, labels: Tensor) -> Tensor:
    """∇ log p(y|x) of each noised image, (B, C, H, W) float32; works for callers under inference mode too.

    Tensors made under inference mode, the weights among them, cannot take part in a gradient: copies of them can.
    """
    with torch.inference_mode(False), torch.enable_grad():
        images = noisy.clone().requires_grad_()
        weights = {name: value.detach().clone() for name, value in classifier.state_dict().items()}
        logits = functional_call(classifier, weights, (images, times.clone()))
        chosen = F.log_softmax(logits.float(), 1).gather(1, labels.clone()[:, None]).sum()
        return torch.autograd.grad(chosen, images)[0]
