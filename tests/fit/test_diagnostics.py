"""Diagnostics measure what they say, at a few steps, and change nothing about the training."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch
from tests.fit.small import interrupted, same, train
from torch import nn

from darkroom.fit import trainer
from darkroom.fit.diagnostics import COLUMNS, Diagnostics
from darkroom.fit.figures import draw_layers


def test_each_measure_is_that_of_its_definition() -> None:
    torch.manual_seed(0)
    first, second = nn.Linear(3, 4), nn.Linear(4, 2)
    with torch.no_grad():
        first.bias[:2] = -100  # two of four units are dead
    network = nn.Sequential(first, nn.ReLU(), second, nn.Tanh())
    inputs, optimizer = torch.randn(8, 3), torch.optim.SGD(network.parameters(), lr=0.1)
    found = Diagnostics(network)
    found.begin()
    outputs = network(inputs)
    outputs.square().sum().backward()
    outputs = outputs.detach()
    found.gradients(network)
    before = [p.detach().clone() for p in second.parameters()]
    optimizer.step()
    table = pd.DataFrame(found.end(7), columns=COLUMNS).set_index("layer")
    assert table["step"].tolist() == [7] * 4
    assert table.loc["1", "dead"] == 0.5
    assert table["dead"].notna().tolist() == [False, True, False, False]
    assert table.loc["3", "saturated"] == pytest.approx(float((outputs.abs() > 0.98).float().mean()))
    assert table.loc["3", "activation"] == pytest.approx(float(outputs.square().mean().sqrt()))
    grads = [p.grad for p in second.parameters() if p.grad is not None]
    assert table.loc["2", "gradient_norm"] == pytest.approx(float(nn.utils.get_total_norm(grads)))
    moved = nn.utils.get_total_norm([a - b for a, b in zip(second.parameters(), before, strict=True)])
    assert table.loc["2", "update_ratio"] == pytest.approx(float(moved / nn.utils.get_total_norm(before)))
    assert not first._forward_hooks, "no hook stays"


def test_units_of_a_convolution_are_channels() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    with torch.no_grad():
        network[0].bias[0] = -100
    found = Diagnostics(network)
    found.begin()
    network(torch.rand(5, 1, 6, 6) + 1)
    rows = {row["layer"]: row for row in found.end(1)}
    assert rows["1"]["dead"] >= 0.25
    assert rows["1"]["dead"] * 4 == round(rows["1"]["dead"] * 4)


def test_a_diagnosed_run_trains_the_same_weights_and_records_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "MOST_STEPS", 12)
    told: dict[str, float] = {}
    task, fitted = train(6, diagnostics=True, clip=0.1, log=lambda values, step=None: told.update(values))
    assert same(task, train(6, clip=0.1)[0])
    table = fitted.diagnostics
    assert table is not None
    assert sorted(set(table["step"])) == [1, 9, 17]
    assert list(dict.fromkeys(table["layer"])) == ["0", "1", "4"]
    assert (table["update_ratio"] > 0).all()
    whole = table.groupby("step")["gradient_norm"].apply(lambda norms: (norms**2).sum() ** 0.5)
    steps = fitted.steps.set_index("step")["gradient_norm"]
    assert whole.to_numpy() == pytest.approx(steps.loc[whole.index].to_numpy())
    assert told["diagnostics/activation/4"] == table["activation"].iloc[-1]


def test_the_table_survives_an_interruption_and_can_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train(5, diagnostics=True)[1].diagnostics
    interrupted(tmp_path, monkeypatch, at=3, epochs=5, diagnostics=True)
    again = train(5, checkpoints=tmp_path, diagnostics=True)[1].diagnostics
    assert whole is not None
    assert again is not None
    pd.testing.assert_frame_equal(whole, again)
    whole.to_csv(tmp_path / "d.csv", index=False)
    draw_layers(pd.read_csv(tmp_path / "d.csv"), tmp_path / "layers.png")
    assert (tmp_path / "layers.png").stat().st_size > 5000


def test_nothing_is_watched_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Diagnostics, "__init__", lambda *_: pytest.fail("watched"))
    monkeypatch.setattr(nn.Module, "register_forward_hook", lambda *_: pytest.fail("a hook"))
    assert train(1)[1].diagnostics is None
