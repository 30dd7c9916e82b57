"""Losses of soft targets: what they are on certain ones, and hand-worked cases."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from darkroom import registry
from darkroom.classify.losses.cross_entropy import CrossEntropy
from darkroom.classify.losses.soft import class_weights, jensen_shannon, soft_accuracy, soft_cross_entropy

LOGITS = torch.randn(40, 5, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(40) % 5


def test_certain_targets_give_the_usual_cross_entropy_with_and_without_weights() -> None:
    targets = F.one_hot(LABELS, 5).float()
    weights = torch.tensor([0.5, 1.0, 2.0, 4.0, 0.0])
    assert torch.allclose(soft_cross_entropy(LOGITS, targets), F.cross_entropy(LOGITS, LABELS))
    expected = F.cross_entropy(LOGITS, LABELS, weight=weights)
    assert torch.allclose(soft_cross_entropy(LOGITS, targets, weights), expected)


def test_a_mixed_target_costs_the_mixture_of_both_costs() -> None:
    one, other = F.one_hot(LABELS, 5).float(), F.one_hot(LABELS.roll(1), 5).float()
    mixed = soft_cross_entropy(LOGITS, 0.3 * one + 0.7 * other)
    parts = 0.3 * soft_cross_entropy(LOGITS, one) + 0.7 * soft_cross_entropy(LOGITS, other)
    assert torch.allclose(mixed, parts)


def test_accuracy_of_mixed_targets_counts_the_share_of_the_predicted_class() -> None:
    logits = torch.tensor([[5.0, 0.0], [0.0, 5.0]])
    assert float(soft_accuracy(logits, torch.tensor([[0.75, 0.25], [0.6, 0.4]]))) == pytest.approx((0.75 + 0.4) / 2)


def test_jensen_shannon_by_hand() -> None:
    sure, unsure = torch.tensor([[50.0, 0.0]]), torch.tensor([[0.0, 50.0]])
    assert float(jensen_shannon(sure, sure, sure)) == pytest.approx(0, abs=1e-6)
    assert float(jensen_shannon(sure, unsure)) == pytest.approx(math.log(2), rel=1e-4)
    # two views agree and one does not: entropy of (2/3, 1/3)
    expected = -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3))
    assert float(jensen_shannon(sure, sure, unsure)) == pytest.approx(expected, rel=1e-4)


def test_class_weights_make_every_class_weigh_the_same_and_the_mean_image_one() -> None:
    counts = torch.tensor([90.0, 9.0, 0.0, 1.0])
    weights = class_weights(counts)
    assert torch.allclose((weights * counts)[counts > 0], torch.tensor(100 / 3))
    assert float(weights[2]) == 0


def test_label_smoothing_is_torchs() -> None:
    targets = F.one_hot(LABELS, 5).float()
    expected = F.cross_entropy(LOGITS, LABELS, label_smoothing=0.2)
    assert torch.allclose(CrossEntropy(label_smoothing=0.2)(LOGITS, targets), expected)


@pytest.mark.parametrize("name", list(registry.entries("loss")))
def test_every_loss_is_finite_has_gradients_and_prefers_the_right_answer(name: str) -> None:
    loss = registry.load("loss", name)(torch.tensor([1.0, 2.0, 0.5, 1.0, 1.0]))
    logits, targets = LOGITS.clone().requires_grad_(), F.one_hot(LABELS, 5).float()
    value = loss(logits, targets)
    value.backward()
    assert value.ndim == 0
    assert torch.isfinite(value)
    assert torch.isfinite(logits.grad).all()  # type: ignore[arg-type]
    assert loss(20 * targets, targets) < value < loss(-20 * targets, targets)
