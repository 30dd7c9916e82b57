"""The losses of semi-supervised methods against their formulas in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from darkroom import registry
from darkroom.classify.semi.method import Networks, SemiSupervised, Step

NAMES = list(registry.entries("semi-supervised method"))
SHAPE = (1, 4, 4)
CLASSES = 3


def build(name: str, **options: Any) -> SemiSupervised:
    method: SemiSupervised = registry.build(
        registry.options("semi-supervised method", name).model_validate({"name": name, **options})
    )
    return method


def linear(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, CLASSES))
    with torch.no_grad():
        network[1].weight.mul_(8)  # some predictions are confident
    return network


class Made:
    """One step of a method, and what went into it."""

    def __init__(self, method: SemiSupervised, seed: int = 0) -> None:
        self.student, self.teacher = linear(1), linear(2)
        draws = torch.Generator().manual_seed(seed)
        self.images = torch.rand(6, *SHAPE, generator=draws)
        self.targets = torch.eye(CLASSES)[torch.arange(6) % CLASSES]
        self.views = [torch.rand(20, *SHAPE, generator=draws) for _ in method.LOOKS]
        self.passes: list[int] = []
        networks = Networks(self.forward, self.teacher, lambda outputs: outputs)
        self.step: Step = method.step(self.images, self.targets, self.views, networks, draws)

    def forward(self, images: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            self.passes.append(len(images))
        outputs: Tensor = self.student(images)
        return outputs

    def probabilities(self, images: Tensor, network: nn.Module | None = None) -> np.ndarray:
        with torch.no_grad():
            logits = (network or self.student)(images).double().numpy()
        powers = np.exp(logits - logits.max(1, keepdims=True))
        shares: np.ndarray = powers / powers.sum(1, keepdims=True)
        return shares


@pytest.mark.parametrize("name", NAMES)
def test_every_method_makes_one_forward_pass_with_a_gradient_and_none_flows_into_targets(name: str) -> None:
    method = build(name)
    made = Made(method)
    assert len(made.passes) == 1
    assert made.step.outputs.shape == (6, CLASSES)
    assert torch.isfinite(made.step.loss)
    assert not made.step.guesses.requires_grad
    assert not made.step.targets.requires_grad
    torch.testing.assert_close(made.step.guesses.sum(1), torch.ones(20))
    made.step.loss.backward()
    assert all(parameter.grad is None for parameter in made.teacher.parameters())
    assert len(method.LOOKS) <= method.VIEWS


@pytest.mark.parametrize("name", ["fixmatch", "pseudo_label"])
def test_confident_predictions_are_labels_and_others_are_left_out(name: str) -> None:
    made = Made(build(name, threshold=0.8))
    weak, last = made.probabilities(made.views[0]), made.probabilities(made.views[-1])
    used = weak.max(1) >= 0.8
    assert 0 < used.sum() < len(used)
    losses = -np.log(last[np.arange(20), weak.argmax(1)])
    np.testing.assert_allclose(float(made.step.loss.detach()), (losses * used).sum() / 20, rtol=1e-4)
    assert np.array_equal(made.step.used.numpy(), used)
    nothing = Made(build(name, threshold=0.999999))
    nothing.step.loss.backward()
    assert all(not parameter.grad.any() for parameter in nothing.student.parameters() if parameter.grad is not None)


def test_fixmatch_learns_from_the_strong_view_alone() -> None:
    made = Made(build("fixmatch", threshold=0.5))
    made.step.loss.backward()
    weak, strong = made.probabilities(made.views[0]), made.probabilities(made.views[1])
    aims = np.eye(CLASSES)[weak.argmax(1)] * (weak.max(1) >= 0.5)[:, None]
    slopes = strong * aims.sum(1, keepdims=True) - aims  # of the cross-entropy by the strong view's logits
    expected = slopes.T @ made.views[1].flatten(1).double().numpy() / 20
    np.testing.assert_allclose(made.student[1].weight.grad, expected, rtol=1e-3, atol=1e-5)  # type: ignore[index, union-attr]


def test_the_mean_teacher_is_followed() -> None:
    made = Made(build("mean_teacher"))
    taught, learned = made.probabilities(made.views[1], made.teacher), made.probabilities(made.views[0])
    np.testing.assert_allclose(float(made.step.loss.detach()), ((taught - learned) ** 2).mean(), rtol=1e-4)


def test_mixmatch_mixes_images_with_their_classes() -> None:
    made = Made(build("mixmatch", temperature=0.5))
    guess = sum(made.probabilities(view) for view in made.views) / 2
    guess = guess**2 / (guess**2).sum(1, keepdims=True)
    np.testing.assert_allclose(made.step.guesses, guess, rtol=1e-4)
    # images and classes are the same mixture: solve for the weight and the partner of each labeled image
    every = torch.cat([made.images, *made.views]).flatten(1).double().numpy()
    classes = np.concatenate([made.targets.double().numpy(), guess, guess])
    for own, mixed, aim in zip(range(6), made.step.images.flatten(1), made.step.targets, strict=True):
        change = mixed.double().numpy() - every[own]
        found = []
        for other, image in enumerate(every):
            across = image - every[own]
            share = float(change @ across / max(across @ across, 1e-12))
            if np.allclose(change, share * across, atol=1e-5):
                found.append((other, share))
        assert found
        other, share = max(found, key=lambda pair: pair[1])
        assert -1e-5 <= share <= 0.5 + 1e-5
        np.testing.assert_allclose(aim, classes[own] + share * (classes[other] - classes[own]), atol=1e-4)


def test_the_weight_rises_linearly() -> None:
    method = build("mean_teacher", weight=10, ramp_up=0.4)
    assert [method.weight_at(progress) for progress in (0, 0.2, 0.4, 1)] == pytest.approx([0, 5, 10, 10])
    assert build("fixmatch", weight=2).weight_at(0) == 2
