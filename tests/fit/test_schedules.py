"""Every schedule is a factor in [0, 1] that reaches 1, over the whole run."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from darkroom import registry


@pytest.mark.parametrize("name", registry.entries("schedule"))
def test_a_schedule_stays_within_its_peak(name: str) -> None:
    factor = registry.build(registry.options("schedule", name)())
    values = np.array([factor(progress) for progress in np.linspace(0, 1, 201)])
    assert values.min() >= 0
    assert values.max() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("name", registry.entries("optimizer"))
def test_an_optimizer_lowers_a_loss_and_spares_biases_from_decay(name: str) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(3, 1)
    optimizer = registry.build(registry.options(kind="optimizer", name=name)(lr=0.05), layer)
    inputs = torch.randn(64, 3)
    targets = inputs.sum(1, keepdim=True)
    before = float(((layer(inputs) - targets) ** 2).mean().detach())
    for _ in range(60):
        loss = ((layer(inputs) - targets) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.2 * before
    decays = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert decays[id(layer.bias)] == 0
    assert decays[id(layer.weight)] > 0
