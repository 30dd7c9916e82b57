"""The moving average of a network's weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from darkroom.fit.average import averaged


def test_the_average_follows_its_recurrence_and_takes_the_statistics_along() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    average = averaged(network, 0.5)
    expected: dict[str, torch.Tensor] = {}
    for count in range(8):
        with torch.no_grad():
            for value in network.parameters():
                value.add_(torch.randn_like(value))
        network(torch.randn(5, 3))
        average.update_parameters(network)
        decay = 0.0 if count == 0 else min(0.5, (1 + count) / (10 + count))
        for name, value in network.state_dict().items():
            before = expected.get(name, torch.zeros_like(value))
            expected[name] = value.clone() if not value.is_floating_point() else decay * before + (1 - decay) * value
    for name, value in average.module.state_dict().items():
        torch.testing.assert_close(value, expected[name], msg=name)
    assert not any(p.requires_grad for p in average.parameters())


def test_a_short_run_forgets_where_it_began() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    average = averaged(network, 0.9999)
    average.update_parameters(network)
    nn.init.ones_(network.weight)
    for _ in range(20):
        average.update_parameters(network)
    assert float(average.module.weight) == pytest.approx(1, abs=0.01)
