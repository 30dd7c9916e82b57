"""Muon orthogonalizes the momentum of hidden matrices and leaves everything else to AdamW."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from darkroom.fit import muon
from darkroom.fit.optimizers import adamw


@pytest.mark.parametrize("shape", [(16, 16), (8, 40), (40, 8)])
def test_newton_schulz_keeps_singular_vectors_and_levels_singular_values(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    u, values, v = torch.linalg.svd(matrix, full_matrices=False)
    inner = u.T @ muon.orthogonalized(matrix).double() @ v.T
    torch.testing.assert_close(inner, torch.diag(inner.diagonal()), atol=1e-5, rtol=0)
    well = values > 0.02 * values.norm()  # five iterations lift no smaller ones all the way
    assert ((inner.diagonal()[well] > 0.6) & (inner.diagonal()[well] < 1.25)).all()


def test_three_steps_follow_the_equations() -> None:
    network = nn.Sequential(nn.Conv2d(2, 6, 3, bias=False), nn.Flatten(), nn.Linear(6, 2, bias=False))
    kernel: nn.Parameter = network[0].weight  # type: ignore[assignment]
    expected, velocity = kernel.detach().clone(), torch.zeros_like(kernel)
    optimizer = muon.muon(network, lr=0.1, weight_decay=0.2)
    for step in range(3):
        gradient = torch.randn(kernel.shape, generator=torch.Generator().manual_seed(step))
        kernel.grad, network[2].weight.grad = gradient.clone(), torch.zeros(2, 6)
        optimizer.step()
        velocity = 0.95 * velocity + 0.05 * gradient
        update = muon.orthogonalized((0.95 * velocity + 0.05 * gradient).reshape(6, 18)).view_as(kernel)
        expected = (1 - 0.1 * 0.2) * expected - 0.1 * 0.2 * 18**0.5 * update
        torch.testing.assert_close(kernel.detach(), expected)


def test_output_layer_biases_embeddings_and_exempt_weights_are_adamws() -> None:
    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.position = nn.Embedding(5, 4), nn.Parameter(torch.zeros(1, 3, 4))
            self.hidden, self.head = nn.Linear(4, 4), nn.Linear(4, 2)

        def no_weight_decay(self) -> set[str]:
            return {"position"}

    network = Network()
    assert muon.hidden_matrices(network) == {id(network.hidden.weight)}
    orthogonal, rest = muon.muon(network).parts  # type: ignore[attr-defined]
    assert [p is network.hidden.weight for g in orthogonal.param_groups for p in g["params"]] == [True]
    moved = {id(p) for g in rest.param_groups for p in g["params"]}
    assert moved == {id(p) for p in network.parameters()} - {id(network.hidden.weight)}


def test_the_rest_steps_as_adamw_alone_would() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    other = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    other.load_state_dict(network.state_dict())
    for net, optimizer in ((network, muon.muon(network, lr=0.01)), (other, adamw(other, lr=0.01))):
        net(torch.ones(5, 3)).square().sum().backward()
        optimizer.step()
    assert torch.equal(network[1].weight, other[1].weight)
    assert torch.equal(network[0].bias, other[0].bias)
    assert not torch.equal(network[0].weight, other[0].weight)
