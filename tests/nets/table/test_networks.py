"""Networks on tables: shapes, a gradient for every parameter, missing and unseen cells, the same output after loading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from darkroom import files, registry
from darkroom.fit.model import rebuild, save_model
from darkroom.fit.untrained import standardize
from darkroom.nets.table.inputs import Encoded, TableInput

SHAPES = [(0, 0, 4), (0, 0), (3, 5)]
NAMES = [name for name, entry in registry.taking("network", "table").items() if "fit" not in entry.methods]


def rows(shape: tuple[int, ...], count: int = 32) -> Any:
    """Cells of which some are missing, and some categories unseen."""
    generator = np.random.default_rng(0)
    cells = [generator.integers(0, size + 1, count) if size else generator.normal(5, 3, count) for size in shape]
    table = np.stack(cells, 1).astype(np.float32)
    table[generator.random(table.shape) < 0.2] = np.nan
    return table


def build(name: str, shape: tuple[int, ...]) -> nn.Module:
    torch.manual_seed(0)
    network: nn.Module = registry.load("network", name)(shape, 3)
    standardize(network, rows(shape), np.arange(32))
    return network


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_logits_are_finite_and_every_parameter_has_a_gradient(name: str, shape: tuple[int, ...]) -> None:
    network = build(name, shape).train()
    logits = network(torch.from_numpy(rows(shape)))
    assert logits.shape == (32, 3)
    assert torch.isfinite(logits).all()
    logits.logsumexp(1).sum().backward()
    without = [n for n, p in network.named_parameters() if p.numel() and (p.grad is None or not p.grad.abs().sum() > 0)]
    assert without == []


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_network_says_the_same(name: str, tmp_path: Path) -> None:
    network, options = build(name, (0, 4)).eval(), registry.options("network", name)()
    with files.folder(tmp_path / "model") as fresh:
        save_model(fresh, network, plugin=options, shape=(0, 4), classes=tuple("abc"), fitted=None, samples="table")
    cells = torch.from_numpy(rows((0, 4)))
    assert torch.equal(network(cells), rebuild("network", tmp_path / "model", (0, 4), 3)(cells))


def test_numbers_are_standardized_and_the_mean_is_imputed() -> None:
    layer, cells = TableInput((0, 3, 0)), rows((0, 3, 0), 500)
    layer.adapt(cells)
    found = layer(torch.from_numpy(cells))
    known = found.missing == 0
    assert torch.equal(~known, torch.from_numpy(cells[:, [0, 2]]).isnan())
    assert (found.numbers[~known] == 0).all()
    for column in range(2):
        values = found.numbers[known[:, column], column]
        assert float(values.mean()) == pytest.approx(0, abs=1e-5)
        assert float(values.std(correction=0)) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("embedding", [0, 6])
def test_unseen_categories_are_zeros_and_missing_ones_a_category(embedding: int) -> None:
    torch.manual_seed(0)
    encoded = Encoded((3, 2), embedding)
    found = encoded(torch.tensor([[3.0, 2.0], [torch.nan, 0.0], [0.0, torch.nan], [0.0, 0.0]]))
    assert (found[0] == 0).all()
    assert len({tuple(row.tolist()) for row in found}) == 4
    assert embedding or torch.equal(found[1], torch.tensor([0, 0, 0, 1, 1, 0, 0.0]))
