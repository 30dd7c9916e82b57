"""Several optimizers as one: whose turn it is, by which rate, and what each keeps."""

from __future__ import annotations

import torch
from torch import nn

from darkroom.fit import optimizers, schedules
from darkroom.fit.combined import Combined, Switched, learning_rate


def _step(network: nn.Module, optimizer: torch.optim.Optimizer, schedule: schedules.Scheduler) -> None:
    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss: torch.Tensor = network(torch.ones(4, 3)).square().sum()
        loss.backward()
        return loss

    assert optimizer.step(closure) > 0
    schedule.step()


def test_each_optimizer_steps_alone_in_its_turn_on_the_one_curve() -> None:
    torch.manual_seed(0)
    network, other = nn.Linear(3, 2), nn.Linear(3, 2)
    other.load_state_dict(network.state_dict())
    turns = Switched([optimizers.adamw(network, lr=0.01), optimizers.sgd(network, lr=0.001)], [0.0, 0.5])
    schedule = schedules.Scheduler(turns, schedules.linear(), 10)
    rates = []
    for _ in range(10):
        rates.append(learning_rate(turns))
        _step(network, turns, schedule)
    assert rates == [0.01 * (1 - k / 9) for k in range(5)] + [0.001 * (1 - k / 9) for k in range(5, 10)]

    first = optimizers.adamw(other, lr=0.01)
    schedule = schedules.Scheduler(first, schedules.linear(), 10)
    for _ in range(5):
        _step(other, first, schedule)
    second = optimizers.sgd(other, lr=0.001)
    for k in range(5, 10):
        for group in second.param_groups:
            group["lr"] = 0.001 * (1 - k / 9)
        other.zero_grad()
        other(torch.ones(4, 3)).square().sum().backward()
        second.step()
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), other.parameters(), strict=True))


def test_momentum_that_cycles_reaches_every_part() -> None:
    network = nn.Linear(3, 2)
    both = Combined([optimizers.adamw(network), optimizers.sgd(network)])
    schedules.Scheduler(both, schedules.one_cycle(), 10)
    assert [group.get("betas", (group.get("momentum"),))[0] for group in both.param_groups] == [0.95] * 4
