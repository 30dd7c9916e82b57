"""Remedies for unequal classes: their weights and shifts by the equations of their papers."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from darkroom.augment.remedies import ClassBalanced, LogitAdjustment, Undersampling, class_weights
from darkroom.classify.losses.adjusted import Adjusted
from darkroom.classify.losses.cross_entropy import CrossEntropy

COUNTS = torch.tensor([90.0, 9.0, 0.0, 1.0])


def test_class_weights_make_every_class_weigh_the_same_and_the_mean_image_one() -> None:
    weights = class_weights(COUNTS)
    assert torch.allclose((weights * COUNTS)[COUNTS > 0], torch.tensor(100 / 3))
    assert float(weights[2]) == 0


def test_class_balanced_weights_are_inverse_to_the_effective_number_of_images() -> None:
    weights = ClassBalanced(beta=0.9).weights(COUNTS)
    effective = torch.tensor([sum(0.9**i for i in range(int(n))) for n in COUNTS])  # 1 + β + ... + β^(n-1)
    assert torch.allclose((weights * effective)[COUNTS > 0], weights[3] * effective[3])
    assert torch.allclose((weights * COUNTS).sum() / COUNTS.sum(), torch.tensor(1.0))
    assert float(weights[2]) == 0


def test_class_balanced_weights_lie_between_none_and_inverse_frequency() -> None:
    assert torch.allclose(ClassBalanced(beta=0).weights(COUNTS)[COUNTS > 0], torch.tensor(1.0))
    near = ClassBalanced(beta=1 - 1e-9).weights(COUNTS)
    assert torch.allclose(near, class_weights(COUNTS), rtol=1e-4)


def test_logit_adjustment_is_a_softmax_weighted_by_the_priors() -> None:
    logits, labels = torch.randn(12, 3, generator=torch.Generator().manual_seed(0)), torch.arange(12) % 3
    counts = torch.tensor([80.0, 15.0, 5.0])
    for tau in (1.0, 0.5):
        loss = Adjusted(CrossEntropy(), LogitAdjustment(tau=tau).shift(counts))
        weighted = (counts / 100) ** tau * logits.exp()
        expected = -(weighted / weighted.sum(1, keepdim=True)).log().gather(1, labels[:, None]).mean()
        assert torch.allclose(loss(logits, F.one_hot(labels, 3).float()), expected)


def test_an_empty_class_keeps_the_adjusted_loss_finite() -> None:
    shift = LogitAdjustment().shift(COUNTS)
    assert torch.isfinite(shift).all()


def test_undersampling_keeps_as_many_images_of_each_class_as_the_rarest_has_each_at_most_once() -> None:
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 3], [90, 9, 4]))  # nothing of class 2
    kept, again, other = (Undersampling().kept(labels, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert np.bincount(labels[kept]).tolist() == [4, 4, 0, 4]
    assert (np.diff(kept) > 0).all()
    assert np.array_equal(kept, again)
    assert not np.array_equal(kept, other)
    assert len(Undersampling().kept(labels[:0], np.random.default_rng(0))) == 0
