"""Losses agree with those of lightly, and with formulas written out by themselves where it has none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from darkroom.pretrain.objectives.barlow_twins import cross_correlation
from darkroom.pretrain.objectives.byol import negative_cosine
from darkroom.pretrain.objectives.dino import assignment
from darkroom.pretrain.objectives.masked_autoencoder import masked_error
from darkroom.pretrain.objectives.simclr import nt_xent
from darkroom.pretrain.objectives.vicreg import regularizers

loss = pytest.importorskip("lightly.loss")

Loss = Callable[[Tensor, Tensor], Tensor]


def ours_vicreg(first: Tensor, second: Tensor) -> Tensor:
    variance, covariance = regularizers(first, second)
    return 25 * torch.nn.functional.mse_loss(first, second) + 25 * variance + covariance


PAIRS: dict[str, tuple[Loss, Loss]] = {
    "nt_xent": (lambda a, b: nt_xent(a, b, temperature=0.3), loss.NTXentLoss(temperature=0.3)),
    "cosine": (negative_cosine, loss.NegativeCosineSimilarity()),
    "vicreg": (ours_vicreg, loss.VICRegLoss()),
    "barlow_twins": (
        lambda a, b: cross_correlation(a, b, redundancy=0.02),
        loss.BarlowTwinsLoss(lambda_param=0.02),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_two_views_are_compared_as_by_lightly(name: str) -> None:
    ours, theirs = PAIRS[name]
    generator = torch.Generator().manual_seed(0)
    for size in (2, 17):
        views = [(2 * torch.randn(size, 12, generator=generator)).requires_grad_() for _ in range(2)]
        found, wanted = ours(*views), theirs(*views)
        assert found.item() == pytest.approx(wanted.item(), rel=1e-5)
        gradients = zip(torch.autograd.grad(found, views), torch.autograd.grad(theirs(*views), views), strict=True)
        assert all(torch.allclose(one, other, atol=1e-5) for one, other in gradients)


def test_assignments_are_compared_as_by_lightly() -> None:
    generator = torch.Generator().manual_seed(0)
    student = [torch.randn(5, 9, generator=generator) for _ in range(4)]
    teacher = [torch.randn(5, 9, generator=generator) for _ in range(2)]
    theirs = loss.DINOLoss(output_dim=9, teacher_temp=0.05, student_temp=0.2, center_momentum=0.8)
    center = torch.zeros(9)
    for _ in range(2):  # the second time with the center that the first has left
        found = assignment(teacher, student, center, teacher=0.05, student=0.2)
        assert float(found) == pytest.approx(float(theirs(teacher, student)), rel=1e-5)
        center = center.lerp(torch.cat(teacher).mean(0), 0.2)
        assert torch.allclose(center, theirs.center.flatten(), atol=1e-6)


def test_only_hidden_patches_count_in_the_error() -> None:
    patches, found = torch.rand(2, 4, 6), torch.rand(2, 4, 6)
    hidden = torch.tensor([[0, 3], [2, 1]])
    terms = []
    for image, places in enumerate(hidden.tolist()):
        for place in places:
            patch = patches[image, place]
            terms.append((found[image, place] - (patch - patch.mean()) / (patch.var() + 1e-6).sqrt()).square().mean())
    assert torch.allclose(masked_error(found, patches, hidden, normalize=True), torch.stack(terms).mean())
