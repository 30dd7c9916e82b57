"""Every registered network: shapes, finite values, a gradient for every parameter, the same output after loading."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from darkroom import files, registry
from darkroom.fit.model import load_weights, rebuild, save_model
from darkroom.nets import pretrained
from darkroom.nets.layers import Standardize
from darkroom.nets.penultimate import outputs_and_features
from darkroom.nets.rescale import rescaled
from darkroom.settings import Section

SMALL = {"pretrained": {"backbone": "test_efficientnet", "size": 32}}
"""Options of networks whose defaults are too large for these tests."""
NAMES = [name for name in registry.taking("network", "image") if name != "pretrained" or pretrained.timm_installed()]
SHAPES = [(1, 8, 8), (3, 32, 32), (1, 33, 17)]


def options(name: str) -> Section:
    return registry.options("network", name).model_validate(SMALL.get(name, {}))


def build(name: str, shape: tuple[int, int, int], classes: int = 5) -> nn.Module:
    torch.manual_seed(0)
    network: nn.Module = registry.build(options(name), shape, classes)
    return network


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_logits_have_a_column_a_class_and_are_finite(name: str, shape: tuple[int, int, int]) -> None:
    logits = build(name, shape)(torch.rand(4, *shape))
    assert logits.shape == (4, 5)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_has_a_gradient(name: str) -> None:
    network = build(name, (3, 16, 16)).train()
    network(torch.rand(8, 3, 16, 16)).logsumexp(1).sum().backward()
    without = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_network_says_the_same(name: str, tmp_path: Path) -> None:
    network = build(name, (1, 12, 12)).eval()
    with files.folder(tmp_path / "model") as fresh:
        save_model(fresh, network, plugin=options(name), shape=(1, 12, 12), classes=tuple("abcde"), fitted=None)
    torch.manual_seed(1)
    loaded = rebuild("network", tmp_path / "model", (1, 12, 12), 5)
    images = torch.rand(3, 1, 12, 12)
    assert torch.equal(network(images), loaded(images))


@pytest.mark.parametrize("numbers", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_one_pass_gives_the_outputs_and_the_features_of_two(name: str, numbers: bool) -> None:
    network: Any = build(name, (1, 12, 12)).eval()
    if numbers:
        rescaled(network, 5).fit(torch.randn(20, 5) + 7)
    images = torch.rand(3, 1, 12, 12)
    outputs, features = outputs_and_features(network, images)
    assert torch.equal(outputs, network(images))
    assert features is not None
    assert torch.equal(features, network.features(images))


def test_weights_of_another_layout_are_refused(tmp_path: Path) -> None:
    torch.save(build("mlp", (1, 8, 8)).state_dict(), tmp_path / "weights.pt")
    with pytest.raises(RuntimeError, match="size mismatch"):
        load_weights(tmp_path, build("mlp", (1, 9, 9)))


def test_a_pickle_offered_as_weights_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Harm:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (print, ("harm",))

    for offered in ({"weight": Harm()}, build("mlp", (1, 8, 8)), [torch.zeros(1)]):
        torch.save(offered, tmp_path / "weights.pt")
        with pytest.raises(ValueError, match=r"weights\.pt is not a state dict"):
            load_weights(tmp_path, build("mlp", (1, 8, 8)))
    assert capsys.readouterr().out == ""


def test_standardize_gives_mean_zero_and_deviation_one() -> None:
    images = torch.rand(64, 2, 5, 5) * torch.tensor([1.0, 0.2]).reshape(1, 2, 1, 1) + 0.3
    layer = Standardize(2)
    layer.fit(images.mean((0, 2, 3)), images.std((0, 2, 3)))
    out = layer(images)
    assert torch.allclose(out.mean((0, 2, 3)), torch.zeros(2), atol=1e-5)
    assert torch.allclose(out.std((0, 2, 3)), torch.ones(2), atol=1e-4)


def test_a_residual_network_starts_with_hes_spread() -> None:
    torch.manual_seed(0)
    network = registry.load("network", "resnet")((3, 16, 16), 4, width=64)
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            inputs = module.weight[0].numel()
            assert float(module.weight.detach().std()) == pytest.approx((2 / inputs) ** 0.5, rel=0.1)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_hidden_layer_of_the_plain_cnn_has_an_input_for_every_position(shape: tuple[int, int, int]) -> None:
    given = {"name": "cnn", "width": 2, "stages": 2, "depth": 1, "hidden": 6}
    network = registry.build(registry.options("network", "cnn").model_validate(given), shape, 5).eval()
    assert network.features(torch.rand(3, *shape)).shape == (3, 6)
    assert network.pool[2].in_features == 4 * math.ceil(shape[1] / 4) * math.ceil(shape[2] / 4)


def test_the_plain_cnn_with_a_hidden_layer_is_tensorflows_tutorial() -> None:
    """Two 5×5 convolutions to 32 and 64 channels, each pooled, and 1,024 units: 3,274,634 parameters."""
    given = {"name": "cnn", "width": 32, "stages": 2, "depth": 1, "kernel": 5, "norm": "none", "hidden": 1024}
    network = registry.build(registry.options("network", "cnn").model_validate(given), (1, 28, 28), 10)
    assert sum(weight.numel() for weight in network.parameters()) == 3_274_634
