from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from darkroom.generate.diffusion.guidance import by_classifier, classifier_free, log_probability_gradient
from darkroom.generate.diffusion.noise_schedule import NoiseSchedule
from darkroom.nets.noised_classifier import NoisedClassifier

NULL = 3


class Labels(nn.Module):
    """Predicts the number of the label, -1 for none; counts its batches."""

    calls = 0

    def forward(self, noisy: Tensor, times: Tensor, labels: Tensor) -> Tensor:
        self.calls += 1
        given = torch.where(labels == NULL, -1, labels).float()
        return noisy + given[:, None, None, None]


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0, 1.5, 4.0])
def test_classifier_free_guidance_goes_from_no_label_to_the_label_and_beyond(weight: float) -> None:
    denoiser, noisy, labels = Labels(), torch.randn(3, 1, 2, 2), torch.tensor([0, 1, 2])
    found = classifier_free(denoiser, noisy, torch.tensor([5, 5, 5]), labels, null=NULL, weight=weight)
    expected = noisy - 1 + weight * (labels + 1)[:, None, None, None]
    assert torch.allclose(found, expected, atol=1e-6)
    assert denoiser.calls == 1


@pytest.mark.parametrize("prediction", ["epsilon", "x0", "v"])
def test_a_classifier_moves_the_noise_along_its_gradient(prediction: str) -> None:
    schedule, times = NoiseSchedule("cosine", 1000), torch.tensor([100, 600])
    clean, noise, gradient = (torch.randn(2, 1, 4, 4) for _ in range(3))
    noisy = schedule.noised(clean, noise, times)
    predicted = schedule.target(prediction, clean, noise, times)  # type: ignore[arg-type]
    moved = by_classifier(
        predicted,
        noisy,
        times,
        gradient,
        weight=2.0,
        schedule=schedule,
        prediction=prediction,  # type: ignore[arg-type]
    )
    image, epsilon = schedule.parts(prediction, moved, noisy, times)  # type: ignore[arg-type]
    sigma = schedule.levels(times)[1]
    assert torch.allclose(epsilon, noise - 2 * sigma * gradient, atol=1e-4)
    assert torch.allclose(schedule.noised(image, epsilon, times), noisy, atol=1e-4)


def test_the_gradient_is_of_the_log_probability_and_needs_no_gradient_mode() -> None:
    torch.manual_seed(0)
    images, times, labels = torch.randn(3, 1, 8, 8), torch.tensor([1, 50, 900]), torch.tensor([0, 1, 1])
    classifier = NoisedClassifier(1, 2, patch=2, widths=(8, 8))
    followed = images.clone().requires_grad_()
    chosen = classifier(followed, times).log_softmax(1)[torch.arange(3), labels].sum()
    (expected,) = torch.autograd.grad(chosen, followed)
    assert torch.allclose(log_probability_gradient(classifier, images, times, labels), expected, atol=1e-6)
    with torch.inference_mode():  # everything made here, weights too, is an inference tensor
        same = NoisedClassifier(1, 2, patch=2, widths=(8, 8))
        same.load_state_dict(classifier.state_dict())
        found = log_probability_gradient(same, images.clone(), times.clone(), labels.clone())
    assert torch.allclose(found, expected, atol=1e-6)
    assert all(parameter.grad is None for parameter in classifier.parameters())
