"""Any network with any activation, normalization, init, loss and optimizer: one step, save, load, the same output.

Pairs cover the combinations: each row fixes one option, and the others rotate, so that every pair of values of two options
occurs somewhere, at a fraction of the cost of all combinations.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom import files, registry
from darkroom.fit.model import rebuild, save_model
from darkroom.nets.options import Activations, Norms
from darkroom.settings import Section

SHAPE, CLASSES = (1, 12, 12), 5
TINY: dict[str, dict[str, Any]] = {
    "mlp": {"hidden": [16, 16]},
    "resnet": {"width": 8, "stages": 2},
    "cnn": {"width": 8, "stages": 2},
    "vit": {"width": 16, "depth": 2, "heads": 2},
}
CHOICES: dict[str, list[Any]] = {
    "network": list(TINY),
    "activation": list(get_args(Activations)),
    "norm": list(get_args(Norms)),
    "init": [None, *registry.entries("init")],
    "loss": [
        name
        for name, entry in registry.entries("loss").items()
        if "class" in entry.constants["TARGETS"] and name != "distillation"
    ],
    "optimizer": list(registry.entries("optimizer")),
    "regularization": [{}, {"dropout": 0.3}, {"stochastic_depth": 0.3}, {"skip": True}, {"skip": False}],
}


def rows() -> list[dict[str, Any]]:
    """Return settings such that every two values of different options occur together."""
    wanted = {
        frozenset({(a, i), (b, j)})
        for a, b in itertools.combinations(CHOICES, 2)
        for i in range(len(CHOICES[a]))
        for j in range(len(CHOICES[b]))
    }
    found = []
    while wanted:
        row = dict(min(sorted(map(sorted, wanted))))
        for key, values in CHOICES.items():
            if key not in row:
                gains = [sum(frozenset({(key, i), pair}) in wanted for pair in row.items()) for i in range(len(values))]
                row[key] = gains.index(max(gains))
        wanted -= {frozenset(pair) for pair in itertools.combinations(row.items(), 2)}
        found.append({key: CHOICES[key][i] for key, i in row.items()})
    return found


def network_options(row: dict[str, Any]) -> Section:
    """Return the network's options, as far as the network has them."""
    model = registry.options("network", row["network"])
    wanted = {
        **{key: row[key] for key in ("activation", "norm", "init")},
        **row["regularization"],
        **TINY[row["network"]],
    }
    return model.model_validate({key: value for key, value in wanted.items() if key in model.model_fields})


def test_every_two_values_of_different_options_occur_together() -> None:
    every = rows()
    for a, b in itertools.combinations(CHOICES, 2):
        for one, other in itertools.product(CHOICES[a], CHOICES[b]):
            assert any(row[a] == one and row[b] == other for row in every), (a, one, b, other)


def test_a_step_has_a_gradient_for_every_parameter_and_the_saved_network_answers_alike(tmp_path: Path) -> None:
    images = torch.rand(8, *SHAPE, generator=torch.Generator().manual_seed(0))
    targets = F.one_hot(torch.arange(8) % CLASSES, CLASSES).float()
    for number, row in enumerate(rows()):
        torch.manual_seed(number)
        options = network_options(row)
        network: nn.Module = registry.build(options, SHAPE, CLASSES).train()
        loss: Tensor = registry.build(registry.options("loss", row["loss"])())(network(images), targets)
        optimizer: torch.optim.Optimizer = registry.build(registry.options("optimizer", row["optimizer"])(), network)
        loss.backward()
        assert torch.isfinite(loss), row
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, (name, row)
            assert torch.isfinite(parameter.grad).all(), (name, row)
        before = [parameter.detach().clone() for parameter in network.parameters()]
        optimizer.step()
        assert any(not torch.equal(one, two) for one, two in zip(before, network.parameters(), strict=True)), row
        with files.folder(tmp_path / str(number)) as fresh:
            save_model(fresh, network.eval(), plugin=options, shape=SHAPE, classes=tuple("abcde"), fitted=None)
        loaded = rebuild("network", tmp_path / str(number), SHAPE, CLASSES)
        with torch.no_grad():
            assert torch.equal(network(images), loaded(images)), row
            assert torch.isfinite(network(images)).all(), row
