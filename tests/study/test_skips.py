"""Gradients through depth, with and without shortcuts and normalization."""

from __future__ import annotations

import pytest
import torch

from darkroom.nets import layers
from darkroom.study.skips.experiment import NETWORKS, first_gradient

BATCH = torch.rand(32, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(32) % 10


def test_a_plain_stack_loses_its_gradient_and_a_shortcut_keeps_it() -> None:
    found = {
        name: [first_gradient(options, BATCH, depth=depth, width=32, seed=0) for depth in (2, 24)]
        for name, options in NETWORKS.items()
    }
    assert found["plain"][1] < 1e-6 * found["plain"][0]
    for name in ("skips", "skips and BatchNorm"):
        assert found[name][1] > 0.1 * found[name][0]


def test_batch_norm_leaves_a_pair_only_its_signs() -> None:
    pair = torch.randn(2, 16, generator=torch.Generator().manual_seed(0))
    assert layers.norm("batch", 16, dimensions=0)(pair).detach().abs().numpy() == pytest.approx(1, abs=0.05)
    assert layers.norm("layer", 16, dimensions=0)(pair).abs().std() > 0.1
