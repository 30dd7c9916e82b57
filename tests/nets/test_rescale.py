"""The last step of networks that predict numbers."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from torch import nn

from darkroom.nets.rescale import rescaled


def test_the_step_brings_outputs_to_the_units_of_what_it_was_fitted_to() -> None:
    network = nn.Linear(4, 2)
    inputs = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    plain = network(inputs)
    values = torch.tensor([[10.0, -1.0], [30.0, 5.0], [20.0, 2.0]])
    step = rescaled(network, 2)
    step.fit(values)
    assert torch.allclose(network(inputs), plain * values.std(0, correction=0) + values.mean(0))
    assert torch.allclose(step.standardized(network(inputs)), plain, atol=1e-5)
    assert torch.equal(copy.deepcopy(network)(inputs), network(inputs))


def test_weights_keep_their_names_and_carry_the_units(tmp_path: Path) -> None:
    network, other = nn.Linear(4, 2), nn.Linear(4, 2)
    rescaled(network, 2).fit(torch.tensor([[10.0, -1.0], [30.0, 5.0]]))
    rescaled(other, 2)
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    state = torch.load(tmp_path / "weights.pt", weights_only=True)
    assert set(state) == {"weight", "bias", "rescale.mean", "rescale.std"}
    other.load_state_dict(state)
    inputs = torch.ones(3, 4)
    assert torch.equal(other(inputs), network(inputs))
