"""Samplers beside diffusers' schedulers, and what they do with perfect predictions."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler
from torch import Tensor

from darkroom.generate.diffusion.export import BETAS, PREDICTIONS
from darkroom.generate.diffusion.noise_schedule import Kind, NoiseSchedule, Prediction
from darkroom.generate.diffusion.samplers import DDIM, SAMPLERS, Ancestral, DPMSolver

KINDS = get_args(Kind)
SHAPE = (3, 1, 6, 6)


def no_noise() -> Tensor:
    raise AssertionError("a deterministic sampler drew noise")


def theirs(scheduler: type, kind: Kind, prediction: Prediction, **options: Any) -> Any:
    return scheduler(
        beta_schedule=BETAS[kind], prediction_type=PREDICTIONS[prediction], timestep_spacing="trailing", **options
    )


def predictions(prediction: Prediction, schedule: NoiseSchedule) -> Any:
    """A made-up denoiser: a smooth image of what it sees, so that sampling stays within sensible numbers."""

    def predict(noisy: Tensor, time: Tensor) -> Tensor:
        alpha, sigma = schedule.levels(time)
        clean = (alpha * noisy + 0.3 * torch.roll(noisy, 1, -1)).tanh()
        return schedule.target(prediction, clean, (noisy - alpha * clean) / sigma, time)

    return predict


def assert_close(ours: Tensor, reference: Tensor) -> None:
    """To 1e-5 of the size of the numbers."""
    assert (ours - reference).abs().max() <= 1e-5 * reference.abs().max().clamp_min(1)


@pytest.mark.parametrize("clip", [False, True], ids=["free", "clipped"])
@pytest.mark.parametrize("steps", [10, 20, 250])
@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_ancestral_steps_are_those_of_diffusers(kind: Kind, prediction: Prediction, steps: int, clip: bool) -> None:
    schedule = NoiseSchedule(kind, 1000)
    reference = theirs(DDPMScheduler, kind, prediction, clip_sample=clip)
    reference.set_timesteps(steps)
    sampler = Ancestral(schedule, steps, prediction=prediction, clip=clip)
    assert torch.equal(sampler.times, reference.timesteps)
    predict, draws = predictions(prediction, schedule), torch.Generator().manual_seed(0)
    noisy = torch.randn(SHAPE, generator=draws)
    for index, time in enumerate(sampler.times):
        predicted = predict(noisy, time)
        seed = torch.Generator().manual_seed(index)
        expected = reference.step(predicted, time, noisy, generator=torch.Generator().manual_seed(index)).prev_sample
        noisy = sampler.step(predicted, index, noisy, lambda seed=seed: torch.randn(SHAPE, generator=seed))  # type: ignore[misc]
        assert_close(noisy, expected)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("clip", [False, True], ids=["free", "clipped"])
@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_ddim_steps_are_those_of_diffusers(kind: Kind, prediction: Prediction, clip: bool, eta: float) -> None:
    schedule = NoiseSchedule(kind, 1000)
    reference = theirs(DDIMScheduler, kind, prediction, clip_sample=clip)
    reference.set_timesteps(20)
    sampler = DDIM(schedule, 20, prediction=prediction, clip=clip, eta=eta)
    assert torch.equal(sampler.times, reference.timesteps)
    predict, draws = predictions(prediction, schedule), torch.Generator().manual_seed(0)
    noisy = torch.randn(SHAPE, generator=draws)
    for index, time in enumerate(sampler.times):
        predicted, noise = predict(noisy, time), torch.randn(SHAPE, generator=draws)
        more = {"eta": eta, "use_clipped_model_output": clip} | ({"variance_noise": noise} if eta else {})
        expected = reference.step(predicted, time, noisy, **more).prev_sample
        noisy = sampler.step(predicted, index, noisy, lambda noise=noise: noise)  # type: ignore[misc]
        assert_close(noisy, expected)


@pytest.mark.parametrize("steps", [1, 2, 10, 20])
@pytest.mark.parametrize("clip", [False, True], ids=["free", "clipped"])
@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_dpm_solver_steps_are_those_of_diffusers(kind: Kind, prediction: Prediction, clip: bool, steps: int) -> None:
    schedule = NoiseSchedule(kind, 1000)
    reference = theirs(DPMSolverMultistepScheduler, kind, prediction, thresholding=clip, sample_max_value=1.0)
    reference.set_timesteps(steps)
    sampler = DPMSolver(schedule, steps, prediction=prediction, clip=clip)
    assert torch.equal(sampler.times, reference.timesteps)
    predict = predictions(prediction, schedule)
    noisy = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
    for index, time in enumerate(sampler.times):
        predicted = predict(noisy, time)
        expected = reference.step(predicted, time, noisy).prev_sample
        noisy = sampler.step(predicted, index, noisy, no_noise)
        assert_close(noisy, expected)


@pytest.mark.parametrize("clip", [False, True], ids=["free", "clipped"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SAMPLERS)
def test_perfect_predictions_of_one_image_lead_to_it(name: str, kind: Kind, clip: bool) -> None:
    schedule = NoiseSchedule(kind, 1000)
    image = torch.rand(SHAPE, generator=torch.Generator().manual_seed(1)) * 2 - 1
    sampler = SAMPLERS[name](schedule, 20, prediction="v", clip=clip)
    draws = torch.Generator().manual_seed(0)
    noisy = torch.randn(SHAPE, generator=draws)
    for index, time in enumerate(sampler.times):
        alpha, sigma = schedule.levels(time)
        predicted = schedule.target("v", image, (noisy - alpha * image) / sigma, time)
        noisy = sampler.step(predicted, index, noisy, lambda: torch.randn(SHAPE, generator=draws))
    assert torch.allclose(noisy, image, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_ddim_with_eta_1_at_full_steps_draws_as_the_chain_does(kind: Kind) -> None:
    schedule = NoiseSchedule(kind, 1000)
    chain = Ancestral(schedule, 1000, prediction="epsilon", clip=True)
    ddim = DDIM(schedule, 1000, prediction="epsilon", clip=True, eta=1.0)
    draws = torch.Generator().manual_seed(0)
    for index in (0, 1, 300, 700, 998, 999):
        noisy, predicted = (torch.randn(SHAPE, generator=draws) for _ in range(2))
        for noise in (torch.zeros(SHAPE), torch.ones(SHAPE)):  # the mean, and the mean plus a standard deviation
            found = [sampler.step(predicted, index, noisy, lambda noise=noise: noise) for sampler in (chain, ddim)]  # type: ignore[misc]
            assert torch.allclose(*found, atol=1e-4)


@pytest.mark.parametrize("name", ["ddim", "dpm_solver"])
def test_deterministic_samplers_draw_nothing(name: str) -> None:
    sampler = SAMPLERS[name](NoiseSchedule("cosine", 100), 5, prediction="x0", clip=True)
    noisy = torch.randn(SHAPE)
    for index in range(5):
        noisy = sampler.step(torch.zeros(SHAPE), index, noisy, no_noise)
    assert torch.equal(noisy, torch.zeros(SHAPE))


@pytest.mark.parametrize("steps", [0, 101])
def test_steps_that_the_schedule_does_not_have_are_refused(steps: int) -> None:
    with pytest.raises(ValueError, match=rf"got {steps} sampling steps; expected 1 to 100"):
        DDIM(NoiseSchedule("cosine", 100), steps, prediction="v", clip=True)
