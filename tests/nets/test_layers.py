"""Layers that several networks share: two forms of dropout, stochastic depth, normalization."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from darkroom.nets import layers

ROWS = 40_000


def seeded(layer: nn.Module, x: Tensor) -> Tensor:
    torch.manual_seed(0)
    found: Tensor = layer(x)
    return found


def test_both_forms_of_dropout_have_the_expectation_of_their_test_output() -> None:
    x, layer = torch.tensor([1.0, -2.0, 0.5]).repeat(ROWS, 1), nn.Linear(3, 4)
    for dropout in (nn.Dropout(0.3), layers.ClassicDropout(0.3)):
        trained, tested = seeded(dropout.train(), x).mean(0), dropout.eval()(x)[0]
        assert torch.allclose(trained, tested, atol=0.05)
        with torch.no_grad():  # and of a linear layer after it
            drawn = layer(seeded(dropout.train(), x)).mean(0)
            assert torch.allclose(drawn, layer(dropout.eval()(x))[0], atol=0.05)
    assert torch.equal(nn.Dropout(0.3).eval()(x), x)
    assert torch.equal(layers.ClassicDropout(0.3).eval()(x), 0.7 * x)


def test_classic_dropout_is_inverted_dropout_times_the_share_kept() -> None:
    x = torch.rand(1000, 8) + 1
    classic, inverted = seeded(layers.ClassicDropout(0.25), x), seeded(nn.Dropout(0.25), x)
    assert set((classic / x).unique().tolist()) == {0.0, 1.0}
    assert torch.allclose(inverted[inverted > 0], x[inverted > 0] / 0.75)
    assert float((classic == 0).float().mean()) == pytest.approx(0.25, abs=0.02)


def test_stochastic_depth_drops_whole_branches_of_images_and_keeps_their_mean() -> None:
    x = torch.rand(ROWS, 2, 1, 1) + 1
    dropped = seeded(layers.DropPath(0.2).train(), x)
    gone = (dropped == 0).flatten(1)
    assert (gone.all(1) | ~gone.any(1)).all()
    assert float(gone.all(1).float().mean()) == pytest.approx(0.2, abs=0.01)
    assert torch.allclose(dropped.mean((0, 2, 3)), x.mean((0, 2, 3)), rtol=0.01)
    assert torch.equal(layers.DropPath(0.2).eval()(x), x)


def test_stochastic_depth_is_timms() -> None:
    timm = pytest.importorskip("timm.layers")
    x = torch.rand(ROWS, 3)
    own, theirs = seeded(layers.DropPath(0.4).train(), x), seeded(timm.DropPath(0.4).train(), x)
    assert torch.allclose(own.mean(0), theirs.mean(0), rtol=0.02)
    assert set((own / x).unique().round(decimals=4).tolist()) == set((theirs / x).unique().round(decimals=4).tolist())


@pytest.mark.parametrize(("name", "groups"), [("layer", 1), ("group", 8)])
def test_layer_and_group_normalization_act_on_each_image(name: Any, groups: int) -> None:
    x = 3 * torch.randn(4, 32, 5, 5) + 2
    expected = torch.nn.functional.group_norm(x, groups)
    assert torch.allclose(layers.norm(name, 32, dimensions=2)(x), expected, atol=1e-5)
    flat = layers.norm(name, 32, dimensions=0)(x[:, :, 0, 0])
    assert torch.allclose(flat, torch.nn.functional.group_norm(x[:, :, 0, 0], groups), atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3, 6, 8, 12, 30, 64])
def test_groups_divide_the_channels_and_are_not_too_small(channels: int) -> None:
    groups: Any = layers.norm("group", channels, dimensions=2)
    assert channels % groups.num_groups == 0
    assert groups.num_groups == 1 or channels // groups.num_groups >= layers.SMALLEST_GROUP
