"""Every schedule is a factor in [0, 1] that reaches 1, over the whole run."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from darkroom import registry
from darkroom.fit.schedules import Scheduler


@pytest.mark.parametrize("name", registry.entries("schedule"))
def test_a_schedule_stays_within_its_peak(name: str) -> None:
    schedule = registry.build(registry.options("schedule", name)())
    values = np.array([schedule.rate(progress) for progress in np.linspace(0, 1, 201)])
    assert values.min() >= 0
    assert values.max() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("name", registry.entries("schedule"))
def test_no_step_of_a_warm_up_is_wasted_at_rate_zero(name: str) -> None:
    keys = registry.options("schedule", name).model_fields
    schedule = registry.build(registry.options("schedule", name)(**({"warmup": 0.2} if "warmup" in keys else {})))
    assert schedule.rate(0.0) > 0


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("cycled", [True, False])
def test_one_cycle_moves_momentum_against_the_rate(optimizer: str, cycled: bool) -> None:
    made = registry.build(registry.options("optimizer", optimizer)(), nn.Linear(3, 1))
    schedule = registry.build(registry.options("schedule", "one_cycle")(warmup=0.25, cycle_momentum=cycled))
    scheduler = Scheduler(made, schedule, steps=101)
    group, rates, momenta = made.param_groups[0], [], []
    for _ in range(101):
        rates.append(group["lr"])
        momenta.append(group["betas"][0] if optimizer == "adamw" else group["momentum"])
        made.step()
        scheduler.step()
    if not cycled:
        assert set(momenta) == {0.9}
        return
    assert momenta[0] == pytest.approx(0.95)
    assert momenta[25] == pytest.approx(0.85)
    assert rates[25] == max(rates)
    assert momenta[100] == pytest.approx(0.95)
    assert np.corrcoef(rates, momenta)[0, 1] < -0.99


def test_momentum_that_is_off_stays_off() -> None:
    made = registry.build(registry.options("optimizer", "adamw")(beta1=0.0), nn.Linear(3, 1))
    Scheduler(made, registry.build(registry.options("schedule", "one_cycle")()), steps=10)
    assert made.param_groups[0]["betas"][0] == 0


@pytest.mark.parametrize("name", registry.entries("optimizer"))
def test_an_optimizer_lowers_a_loss_and_spares_biases_from_decay(name: str) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(3, 1)
    optimizer = registry.build(registry.options(kind="optimizer", name=name)(lr=0.05, weight_decay=0.0005), layer)
    inputs = torch.randn(64, 3)
    targets = inputs.sum(1, keepdim=True)
    before = float(((layer(inputs) - targets) ** 2).mean().detach())
    for _ in range(150):
        loss = ((layer(inputs) - targets) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.2 * before
    decays = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert decays[id(layer.bias)] == 0
    assert decays[id(layer.weight)] > 0
