"""The network on spectrograms: every image network inside it learns, saves and loads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from darkroom import files, registry
from darkroom.fit.model import rebuild, save_model
from darkroom.nets import pretrained
from darkroom.nets.layers import Standardize
from darkroom.settings import Section

SHAPE = (2000, 8000)
INNER = [name for name in registry.taking("network", "image") if name != "pretrained"]


def options(**given: Any) -> Section:
    return registry.options("network", "spectrogram").model_validate({"name": "spectrogram", **given})


def waves(count: int = 4) -> torch.Tensor:
    return torch.randn(count, SHAPE[0], generator=torch.Generator().manual_seed(0)) / 5


@pytest.mark.parametrize("features", ["log_mel", "mfcc"])
@pytest.mark.parametrize("inner", INNER)
def test_every_image_network_sees_recordings_and_has_gradients(inner: str, features: str) -> None:
    network = registry.build(options(network=inner, features=features), SHAPE, 3).train()
    logits = network(waves())
    assert logits.shape == (4, 3)
    assert torch.isfinite(logits).all()
    logits.logsumexp(1).sum().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None] == []


def test_a_saved_network_says_the_same_and_carries_its_standardization(tmp_path: Path) -> None:
    network = registry.build(options(), SHAPE, 2).eval()
    network.adapt((waves(50).numpy() * 2**15).astype(np.int16))
    inner = next(module for module in network.modules() if isinstance(module, Standardize))
    assert inner(network.images(waves(50))).mean().abs() < 1e-2
    with files.folder(tmp_path / "model") as fresh:
        save_model(fresh, network, plugin=options(), shape=SHAPE, classes=("a", "b"), fitted=None, samples="audio")
    loaded = rebuild("network", tmp_path / "model", SHAPE, 2)
    assert torch.equal(network(waves()), loaded(waves()))


@pytest.mark.skipif(not pretrained.timm_installed(), reason="needs timm")
def test_a_pretrained_image_network_starts_from_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []
    inner = {"name": "pretrained", "backbone": "test_efficientnet", "size": 32}
    network = registry.build(options(network=inner), SHAPE, 2)
    monkeypatch.setattr(network.network, "load_pretrained", lambda: loaded.append(True))
    network.adapt(np.zeros((2, SHAPE[0]), np.int16))
    assert loaded == [True]
    assert network(waves()).shape == (4, 2)
