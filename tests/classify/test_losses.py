"""Losses: the same as PyTorch's, torchvision's, timm's or scikit-learn's where those have them, else hand-worked cases."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import sigmoid_focal_loss

from darkroom import registry
from darkroom.classify.losses.binary import Asymmetric, BinaryCrossEntropy
from darkroom.classify.losses.cross_entropy import CrossEntropy
from darkroom.classify.losses.distillation import Distillation
from darkroom.classify.losses.focal import Focal
from darkroom.classify.losses.hinge import MulticlassHinge, OneVsRestHinge
from darkroom.classify.losses.regression import MAE, MSE, Huber
from darkroom.classify.losses.soft import jensen_shannon, soft_accuracy

LOGITS = 3 * torch.randn(40, 5, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(40) % 5
TARGETS = F.one_hot(LABELS, 5).float()
MULTIPLE = (torch.rand(40, 5, generator=torch.Generator().manual_seed(1)) < 0.3).float()
ALONE = [name for name in registry.entries("loss") if name != "distillation"]
"""Losses of outputs and targets, without a teacher."""
WEIGHTS = torch.tensor([0.5, 1.0, 2.0, 4.0, 0.0])


def test_cross_entropy_is_pytorchs_with_weights_and_with_label_smoothing() -> None:
    assert torch.allclose(CrossEntropy()(LOGITS, TARGETS), F.cross_entropy(LOGITS, LABELS))
    expected = F.cross_entropy(LOGITS, LABELS, weight=WEIGHTS)
    assert torch.allclose(CrossEntropy(WEIGHTS)(LOGITS, TARGETS), expected)
    expected = F.cross_entropy(LOGITS, LABELS, label_smoothing=0.2)
    assert torch.allclose(CrossEntropy(label_smoothing=0.2)(LOGITS, TARGETS), expected)


def test_focal_is_cross_entropy_times_its_factors() -> None:
    assert torch.allclose(Focal(WEIGHTS, gamma=0)(LOGITS, TARGETS), CrossEntropy(WEIGHTS)(LOGITS, TARGETS))
    single = F.cross_entropy(LOGITS, LABELS, reduction="none")
    alpha = [0.1, 0.2, 0.3, 0.4, 0.5]
    expected = (torch.tensor(alpha)[LABELS] * (1 - (-single).exp()) ** 1.5 * single).mean()
    assert torch.allclose(Focal(gamma=1.5, alpha=alpha)(LOGITS, TARGETS), expected)


def test_focal_of_two_classes_is_torchvisions_of_the_difference_of_their_logits() -> None:
    logits, labels = LOGITS[:, :2], LABELS % 2
    expected = sigmoid_focal_loss(logits[:, 1] - logits[:, 0], labels.float(), alpha=-1, gamma=2, reduction="mean")
    assert torch.allclose(Focal()(logits, F.one_hot(labels, 2).float()), expected)


def test_the_multiclass_hinge_asks_for_a_margin_over_the_best_rival() -> None:
    right = LOGITS.gather(1, LABELS[:, None])
    rivals = torch.stack([(1 + LOGITS[:, [j]] - right) * (LABELS[:, None] != j) for j in range(5)]).squeeze(2)
    assert torch.allclose(MulticlassHinge()(LOGITS, TARGETS), rivals.amax(0).clamp_min(0).mean())
    two = LOGITS[:, :2]  # of two classes, the best rival is the only one, as in PyTorch's sum over rivals
    expected = 2 * F.multi_margin_loss(two, LABELS % 2)
    assert torch.allclose(MulticlassHinge()(two, F.one_hot(LABELS % 2, 2).float()), expected)


def test_the_one_vs_rest_hinge_sums_binary_hinges() -> None:
    signs = 2 * MULTIPLE - 1
    assert torch.allclose(OneVsRestHinge()(LOGITS, MULTIPLE), F.relu(1 - signs * LOGITS).sum(1).mean())
    weighted = torch.where(MULTIPLE > 0, WEIGHTS, 1) * F.relu(1 - signs * LOGITS)
    assert torch.allclose(OneVsRestHinge(WEIGHTS)(LOGITS, MULTIPLE), weighted.sum(1).mean())


def test_binary_cross_entropy_is_pytorchs_summed_over_labels_with_mixed_targets_too() -> None:
    mixed = 0.3 * MULTIPLE + 0.7 * TARGETS
    for targets in (TARGETS, MULTIPLE, mixed):
        for weights in (None, WEIGHTS):
            each = F.binary_cross_entropy_with_logits(LOGITS, targets, pos_weight=weights, reduction="none")
            assert torch.allclose(BinaryCrossEntropy(weights)(LOGITS, targets), each.sum(1).mean())


def test_asymmetric_is_timms() -> None:
    timm = pytest.importorskip("timm.loss")
    for positive, negative, margin in ((0, 4, 0.05), (1, 2, 0), (0, 0, 0.2)):
        own = Asymmetric(gamma_positive=positive, gamma_negative=negative, margin=margin)
        theirs = timm.AsymmetricLossMultiLabel(gamma_neg=negative, gamma_pos=positive, clip=margin)
        assert torch.allclose(own(LOGITS, MULTIPLE), theirs(LOGITS, MULTIPLE), rtol=1e-5)


def test_asymmetric_with_equal_gammas_is_torchvisions_focal_loss() -> None:
    own = Asymmetric(gamma_positive=2, gamma_negative=2, margin=0)
    expected = sigmoid_focal_loss(LOGITS, MULTIPLE, alpha=-1, gamma=2, reduction="sum") / len(LOGITS)
    assert torch.allclose(own(LOGITS, MULTIPLE), expected)


def test_regression_losses_are_pytorchs_and_weigh_images_by_class() -> None:
    numbers = torch.randn(40, 5, generator=torch.Generator().manual_seed(2))
    assert torch.allclose(MSE()(LOGITS, numbers), F.mse_loss(LOGITS, numbers))
    assert torch.allclose(MAE()(LOGITS, numbers), F.l1_loss(LOGITS, numbers))
    assert torch.allclose(Huber(delta=0.5)(LOGITS, numbers), F.huber_loss(LOGITS, numbers, delta=0.5))
    rows = [row for row in range(40) for _ in range(int(2 * WEIGHTS[LABELS[row]]))]
    assert torch.allclose(MSE(WEIGHTS)(LOGITS, TARGETS), F.mse_loss(LOGITS[rows], TARGETS[rows]))


@pytest.mark.parametrize(
    "loss", [CrossEntropy(), Focal(), BinaryCrossEntropy(), Asymmetric()], ids=lambda x: x.plugin[1]
)
def test_a_mixed_target_costs_the_mixture_of_both_costs(loss: torch.nn.Module) -> None:
    other = TARGETS.roll(1, 0)
    parts = 0.3 * loss(LOGITS, TARGETS) + 0.7 * loss(LOGITS, other)
    assert torch.allclose(loss(LOGITS, 0.3 * TARGETS + 0.7 * other), parts)


@pytest.mark.parametrize(
    "loss", [Focal(gamma=0.5), Asymmetric(gamma_negative=0.5, margin=0), Asymmetric(gamma_positive=1)]
)
def test_gradients_are_finite_however_sure_the_network_is(loss: torch.nn.Module) -> None:
    for scale in (0.0, 1.0, 30.0, 1e4):
        logits = (scale * torch.eye(5)).requires_grad_()
        loss(logits, torch.eye(5)).backward()
        loss(logits, 1 - torch.eye(5)).backward()
        assert torch.isfinite(logits.grad).all()  # type: ignore[arg-type]


def test_distillation_is_the_divergence_from_the_teacher_times_the_squared_temperature() -> None:
    taught = LOGITS.flip(1)
    for temperature, weight in ((4.0, 0.9), (1.0, 0.3)):
        loss = Distillation(WEIGHTS, teacher="resnet", temperature=temperature, weight=weight)
        student, teacher = (LOGITS / temperature).log_softmax(1), (taught / temperature).log_softmax(1)
        soft = temperature**2 * F.kl_div(student, teacher, log_target=True, reduction="batchmean")
        hard = F.cross_entropy(LOGITS, LABELS, weight=WEIGHTS)
        assert torch.allclose(loss(LOGITS, TARGETS, taught), (1 - weight) * hard + weight * soft)
    same = Distillation(teacher="resnet", weight=1.0)
    assert float(same(LOGITS, TARGETS, LOGITS)) == pytest.approx(0, abs=1e-6)


def test_the_gradient_of_distillation_keeps_its_size_at_high_temperatures() -> None:
    """It tends to (z - t) / (B K) for centered logits z and t (Hinton et al. 2015, equation 4)."""
    logits = (LOGITS - LOGITS.mean(1, keepdim=True)).double().requires_grad_()
    taught = logits.detach().flip(1)
    Distillation(teacher="resnet", temperature=10_000.0, weight=1.0)(logits, TARGETS.double(), taught).backward()
    assert torch.allclose(logits.grad, (logits.detach() - taught) / (40 * 5), atol=1e-4)  # type: ignore[arg-type]


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


@pytest.mark.parametrize("name", ALONE)
def test_every_loss_is_finite_has_gradients_and_prefers_the_right_answer(name: str) -> None:
    loss = registry.load("loss", name)(torch.tensor([1.0, 2.0, 0.5, 1.0, 1.0]))
    logits = LOGITS.clone().requires_grad_()
    value = loss(logits, TARGETS)
    value.backward()
    assert value.ndim == 0
    assert torch.isfinite(value)
    assert torch.isfinite(logits.grad).all()  # type: ignore[arg-type]
    certain = 20.0 if registry.entry("loss", name).constants["LINK"] == "softmax" else 1.0
    wrong = TARGETS.roll(1, 1)
    assert loss(certain * (2 * TARGETS - 1), TARGETS) < loss(certain * (2 * wrong - 1), TARGETS)
    assert loss(TARGETS, TARGETS) < loss(wrong, TARGETS)


@pytest.mark.parametrize("name", ALONE)
def test_every_gradient_is_the_slope_of_the_loss(name: str) -> None:
    loss: torch.nn.Module = registry.load("loss", name)(WEIGHTS.double() + 0.1)
    outputs: Tensor = LOGITS[:6].double().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: loss(z, TARGETS[:6].double()), outputs)
