"""The diffusion process: a denoiser, the noise that it learns to remove, and its guided prediction (Ho et al. 2020).

Plain torch: sampling loops and training are in other files.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.generate.diffusion.guidance import by_classifier, classifier_free, log_probability_gradient
from darkroom.generate.diffusion.noise_schedule import NoiseSchedule, Prediction


class DiffusionProcess(nn.Module):
    """A denoiser with its noise schedule, and a classifier of noised images if that guides it.

    Both have the interfaces of `nets.unet.Denoiser` and `nets.noised_classifier.NoisedClassifier`.
    `classes` is 0 for a model without labels. `ema` is the mean age of the averaged weights as a fraction of the steps so
    far, `label_dropout` the fraction of labels hidden in training, `guidance` the weight w of `predict`.
    """

    def __init__(
        self,
        denoiser: nn.Module,
        schedule: NoiseSchedule,
        *,
        classes: int,
        classifier: nn.Module | None,
        prediction: Prediction,
        min_snr: float | None,
        ema: float,
        guidance: float,
        label_dropout: float,
    ) -> None:
        super().__init__()
        self.schedule, self.denoiser, self.classifier = schedule, denoiser, classifier
        self.classes, self.conditional = classes, classes > 0 and classifier is None
        self.prediction, self.min_snr, self.ema = prediction, min_snr, ema
        self.guidance, self.label_dropout = guidance, label_dropout

    def denoising_losses(
        self, denoiser: nn.Module, images: Tensor, labels: Tensor, generator: torch.Generator | None = None
    ) -> dict[str, Tensor]:
        """Return the loss of a denoiser of this layout, and the classifier's, if any, on the same noised images.

        Images (B, C, H, W) in [0, 1], labels (B,). Without a generator, draws come from torch's global stream.
        """
        clean = images * 2 - 1
        device = images.device if generator is None else generator.device
        times = spread_times(len(images), len(self.schedule), device, generator).to(images.device)
        noise = torch.randn(images.shape, generator=generator, device=device).to(images.device)
        hidden = torch.rand(len(images), generator=generator, device=device).to(images.device) < self.label_dropout
        noisy = self.schedule.noised(clean, noise, times)
        shown = labels.masked_fill(hidden, self.classes) if self.conditional else None
        predicted = denoiser(noisy, times, shown).float()
        error = F.mse_loss(predicted, self.schedule.target(self.prediction, clean, noise, times), reduction="none")
        loss = (self.schedule.weights(self.prediction, self.min_snr)[times] * error.mean((1, 2, 3))).mean()
        if self.classifier is None:
            return {"loss": loss}
        logits = self.classifier(noisy, times).float()
        right = (logits.argmax(1) == labels).float().mean()
        classifying = F.cross_entropy(logits, labels)
        return {
            "loss": loss + classifying,
            "loss_denoising": loss,
            "loss_classifier": classifying,
            "classifier_accuracy": right,
        }

    def predict(self, noisy: Tensor, times: Tensor, labels: Tensor) -> Tensor:
        """Return the guided prediction, float32, for images at times (B,); sampling takes it as the denoiser's."""
        if self.conditional:
            return classifier_free(self.denoiser, noisy, times, labels, null=self.classes, weight=self.guidance)
        predicted: Tensor = self.denoiser(noisy, times).float()
        if self.classifier is None or not self.guidance:
            return predicted
        gradient = log_probability_gradient(self.classifier, noisy, times, labels)
        return by_classifier(
            predicted,
            noisy,
            times,
            gradient,
            weight=self.guidance,
            schedule=self.schedule,
            prediction=self.prediction,
        )


def spread_times(items: int, steps: int, device: torch.device, generator: torch.Generator | None = None) -> Tensor:
    """Draw times (B,) in [0, `steps`), each uniform but jointly evenly spread, which lowers the variance of the loss.

    The low-discrepancy sampler of Kingma et al. 2021.
    """
    first = torch.rand((), generator=generator, device=device)
    shares = (first + torch.arange(items, device=device) / items) % 1
    return (shares * steps).long().clamp_max(steps - 1)
