"""Links: class probabilities from outputs, the same in training, validation and evaluation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import special

from darkroom.classify.links import FLOOR, class_logits, softmax_logits
from darkroom.classify.losses.soft import jensen_shannon
from darkroom.classify.targets.one_class import OneClass

OUTPUTS = 3 * torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
SHARES = {
    "softmax": special.softmax(OUTPUTS.double().numpy(), axis=1),
    "sigmoid": special.expit(OUTPUTS.double().numpy()),
    "identity": np.maximum(OUTPUTS.double().numpy(), FLOOR),
}


@pytest.mark.parametrize("link", SHARES)
def test_probabilities_are_the_shares_of_what_the_link_gives(link: str) -> None:
    expected = SHARES[link] / SHARES[link].sum(1, keepdims=True)
    assert np.allclose(special.softmax(class_logits(OUTPUTS.numpy(), link), axis=1), expected)
    assert np.allclose(softmax_logits(OUTPUTS, link).softmax(1), expected, atol=1e-6)
    labels = torch.arange(20) % 4
    loss = OneClass(4, link).measures(OUTPUTS, labels, torch.nn.Identity())["loss"]
    assert float(loss) == pytest.approx(-np.log(expected[np.arange(20), labels]).mean(), rel=1e-5)
    other = torch.from_numpy(np.roll(expected, 1, 0)).log()
    divergence = OneClass(4, link).divergence(OUTPUTS, OUTPUTS.roll(1, 0))
    assert float(divergence) == pytest.approx(float(jensen_shannon(torch.from_numpy(expected).log(), other)), rel=1e-4)
