"""The diagram of a network: its layers in order with the shapes that they give, and all of its parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import nn

from darkroom import registry
from darkroom.nets import diagram, pretrained
from darkroom.nets.diagram import Layer
from darkroom.nets.rescale import rescaled

SMALL = {"pretrained": {"backbone": "test_efficientnet", "size": 32}}
NAMES = [name for name in registry.taking("network", "image") if name != "pretrained" or pretrained.timm_installed()]


def build(name: str, shape: tuple[int, int, int], **more: Any) -> nn.Module:
    network: nn.Module = registry.build(registry.options("network", name).model_validate(more), shape, 5)
    return network


def test_a_perceptron_is_drawn_as_its_columns_of_units() -> None:
    network = build("mlp", (1, 4, 4), hidden=[8, 3], norm="batch", activation="prelu")
    assert diagram.layers(network, torch.zeros(1, 1, 4, 4)) == [
        Layer(("image",), (16,), 0),
        Layer(("linear", "batch norm", "PReLU", "dropout"), (8,), 16 * 8 + 8 + 16 + 1),
        Layer(("linear", "batch norm", "PReLU", "dropout"), (3,), 8 * 3 + 3 + 6 + 1),
        Layer(("linear",), (5,), 20),
    ]


def test_a_residual_network_is_drawn_by_its_blocks() -> None:
    found = diagram.layers(build("resnet", (3, 16, 16), width=8), torch.zeros(1, 3, 16, 16))
    assert [layer.shape for layer in found] == [
        (3, 16, 16),
        (8, 16, 16),
        (8, 8, 8),
        (16, 4, 4),
        (32, 2, 2),
        (32,),
        (5,),
    ]
    assert [layer.names[0] for layer in found[2:5]] == ["residual block"] * 3


@pytest.mark.parametrize("name", NAMES)
def test_every_network_has_a_diagram_with_all_its_parameters(name: str, tmp_path: Path) -> None:
    shape = (3, 16, 16)
    network = build(name, shape, **SMALL.get(name, {})).train()
    found = diagram.layers(network, torch.zeros(1, *shape))
    assert network.training
    assert found[-1].shape == (5,)
    assert len(found) <= diagram.MOST
    position = sum(p.numel() for n, p in network.named_parameters() if n == "position")
    assert sum(layer.parameters for layer in found) + position == sum(p.numel() for p in network.parameters())
    diagram.draw(network, torch.zeros(1, *shape), tmp_path / "network.png")
    assert Image.open(tmp_path / "network.png").width > 300


def test_a_deep_network_joins_layers_of_one_shape() -> None:
    network = build("resnet", (1, 16, 16), width=4, blocks=10)
    found = diagram.layers(network, torch.zeros(1, 1, 16, 16))
    assert len(found) <= diagram.MOST
    assert Layer(("10 layers",), (4, 8, 8), 10 * (2 * 4 * 4 * 9 + 16) + 16) in found
    assert sum(layer.parameters for layer in found) == sum(p.numel() for p in network.parameters())


def test_a_network_of_numbers_ends_in_its_units(tmp_path: Path) -> None:
    network = build("cnn", (1, 8, 8), width=4)
    rescaled(network, 5).fit(torch.rand(10, 5))
    assert diagram.layers(network, torch.zeros(1, 1, 8, 8))[-1].names == ("linear", "Rescale")
