from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from darkroom import registry
from darkroom.fit import trainer
from darkroom.fit.batches import Batches, Pool
from darkroom.generate.config import GeneratorTraining
from darkroom.generate.diffusion import model as module
from darkroom.generate.diffusion.model import Diffusion
from darkroom.generate.diffusion.process import spread_times
from darkroom.generate.diffusion.task import PowerEMA
from darkroom.log import silent

SHAPE, CLASSES = (1, 8, 8), 3


def diffusion(classes: int = CLASSES, **options: Any) -> Diffusion:
    """A small model whose weights were all moved, so that nothing is predicted as zero."""
    torch.manual_seed(0)
    small = {"width": 8, "steps": 4, "noise_steps": 100} | options
    made: Diffusion = registry.build(registry.options("generator", "diffusion")(**small), SHAPE, classes)
    for parameter in made.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return made.eval()


def batches(items: int = 24) -> Batches:
    images = np.random.default_rng(0).integers(0, 256, (items, 8, 8, 1), dtype=np.uint8)
    return Batches(Pool([images]), np.arange(items)[:, None], np.arange(items) % CLASSES, batch_size=8, seed=0)


class Perfect(nn.Module):
    """Knows the clean images (B, C, H, W) in [0, 1]; keeps the labels that it was given."""

    def __init__(self, network: Diffusion, images: Tensor) -> None:
        super().__init__()
        self.network, self.clean = network, images * 2 - 1

    def forward(self, noisy: Tensor, times: Tensor, labels: Tensor | None = None) -> Tensor:
        self.labels = labels
        schedule, clean = self.network.schedule, self.clean[: len(noisy)]
        alpha, sigma = schedule.levels(times)
        return schedule.target(self.network.prediction, clean, (noisy - alpha * clean) / sigma, times)


@pytest.mark.parametrize("noise_schedule", ["linear", "cosine"])
@pytest.mark.parametrize("prediction", ["epsilon", "x0", "v"])
def test_a_perfect_denoiser_has_no_loss_and_draws_its_image(prediction: str, noise_schedule: str) -> None:
    network = diffusion(classes=0, prediction=prediction, noise_schedule=noise_schedule)
    images = torch.rand(1, *SHAPE).expand(6, *SHAPE)
    perfect = Perfect(network, images)
    assert network.denoising_losses(perfect, images, torch.full((6,), -1))["loss"].item() < 1e-6
    network.denoiser = perfect  # type: ignore[assignment]
    for sampler in ("ancestral", "ddim", "dpm_solver"):
        made = network.sample_with(torch.full((3,), -1), torch.Generator().manual_seed(0), steps=5, sampler=sampler)
        assert torch.allclose(made, images[:3], atol=1e-3)


def test_a_share_of_labels_is_hidden() -> None:
    network, images = diffusion(label_dropout=0.25), torch.rand(4000, *SHAPE)
    perfect = Perfect(network, images)
    network.denoising_losses(perfect, images, torch.ones(4000, dtype=torch.long))
    hidden = perfect.labels == CLASSES  # type: ignore[operator]
    assert ((perfect.labels == 1) | hidden).all()  # type: ignore[operator]
    assert hidden.float().mean().item() == pytest.approx(0.25, abs=0.03)


def test_without_guidance_samples_are_those_of_the_conditional_model() -> None:
    network, labels = diffusion(guidance=1.0), torch.tensor([0, 1, 2])
    noisy, times = torch.randn(3, *SHAPE), torch.tensor([50, 50, 50])
    assert torch.equal(network.predict(noisy, times, labels), network.denoiser(noisy, times, labels))
    network.guidance = 0.0
    nothing = torch.full_like(labels, CLASSES)
    assert torch.equal(network.predict(noisy, times, labels), network.denoiser(noisy, times, nothing))


def test_labels_matter_with_either_guidance_and_not_without_classes() -> None:
    for options, conditional in (
        ({"guidance_by": "classifier_free"}, True),
        ({"guidance_by": "classifier", "guidance": 20.0}, True),
        ({"classes": 0}, False),
    ):
        network = diffusion(**options)  # type: ignore[arg-type]
        with torch.inference_mode():
            first, second = (
                network.sample(torch.full((2,), label), torch.Generator().manual_seed(0)) for label in (0, 1)
            )
        assert torch.equal(first, second) != conditional


def test_a_classifier_leaves_the_denoisers_gradient_alone() -> None:
    images, labels = torch.rand(8, *SHAPE), torch.arange(8) % CLASSES
    gradients = []
    for network in (diffusion(guidance_by="classifier"), diffusion(classes=0)):
        network.denoiser.load_state_dict(diffusion(classes=0).denoiser.state_dict())
        network.denoising_losses(network.denoiser, images, labels, torch.Generator().manual_seed(0))["loss"].backward()
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in network.denoiser.parameters()]))  # type: ignore[union-attr]
        if network.classifier is not None:
            assert all(parameter.grad is not None for parameter in network.classifier.parameters())
    assert torch.equal(*gradients)


@pytest.mark.parametrize("sampler", ["ancestral", "ddim", "dpm_solver"])
def test_a_sample_does_not_depend_on_those_beside_it(sampler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "resolve", lambda wanted: "fp32")
    network, labels = diffusion(sampler=sampler, eta=0.5), torch.arange(7) % CLASSES
    whole = network.sample(labels, torch.Generator().manual_seed(0))
    fewer = network.sample(labels[:4], torch.Generator().manual_seed(0))
    monkeypatch.setattr(module, "CHUNK", 2)
    chunks = network.sample(labels, torch.Generator().manual_seed(0))
    assert torch.allclose(whole, chunks, atol=1e-4)
    assert torch.allclose(whole[:4], fewer, atol=1e-4)


def test_times_are_spread_evenly_over_all_steps() -> None:
    times = spread_times(50, 100, torch.device("cpu"))
    assert sorted(times.tolist())[::10] == pytest.approx(range(sorted(times.tolist())[0], 100, 20), abs=1)
    drawn = torch.cat([spread_times(3, 4, torch.device("cpu")) for _ in range(2000)])
    assert (drawn.bincount(minlength=4) / len(drawn)).tolist() == pytest.approx([0.25] * 4, abs=0.02)


def test_the_average_looks_back_over_its_share_of_the_run() -> None:
    learner = nn.Linear(1, 1, bias=False)
    average, newest = (AveragedModel(learner, multi_avg_fn=PowerEMA(age)) for age in (0.05, 0.0))
    for step in range(1, 1001):  # weights that grow by one per step: their average lags by the mean age
        learner.weight.data.fill_(step)
        average.update_parameters(learner)
        newest.update_parameters(learner)
    assert average.module.weight.item() == pytest.approx(1000 * (1 - 0.05), abs=2)
    assert newest.module.weight.item() == 1000


@pytest.mark.parametrize("guidance_by", ["classifier_free", "classifier"])
def test_a_resumed_run_ends_with_the_same_weights(
    guidance_by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", 0.0)
    training = GeneratorTraining(epochs=3, batch_size=8)

    def stop(values: Any, step: int | None = None) -> None:
        if step is not None and step > 6:
            raise KeyboardInterrupt

    def run(checkpoints: Path | None, log: Any) -> list[Tensor]:
        network = diffusion(guidance_by=guidance_by)
        trainer.fit(network.task(training), batches(), batches(), seed=0, log=log, checkpoints=checkpoints)
        return list(network.state_dict().values())

    whole = run(None, silent)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        run(tmp_path, stop)
    assert (tmp_path / trainer.CHECKPOINT).exists()
    assert all(torch.equal(*pair) for pair in zip(whole, run(tmp_path, silent), strict=True))


def test_samplers_and_steps_that_there_are_not_are_refused() -> None:
    with pytest.raises(ValueError, match='unknown sampler "euler"; expected one of ancestral, ddim, dpm_solver'):
        diffusion().sample_with(torch.zeros(1), torch.Generator(), steps=3, sampler="euler")
    with pytest.raises(ValueError, match="got 101 sampling steps; expected 1 to 100"):
        diffusion().sample_with(torch.zeros(1), torch.Generator(), steps=101)
    assert diffusion(steps=101).steps == 100
