"""Optimizers follow their papers' equations, schedules torch's or a closed form, and every pair of them trains."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import lr_scheduler

from darkroom import registry
from darkroom.fit import optimizers, schedules

GRADIENTS = torch.tensor([[0.5, -1.0], [0.25, 2.0], [-1.5, 0.1]], dtype=torch.float64)
STEPS = 13


def _adam(moments: list[Tensor], gradient: Tensor, step: int) -> Tensor:
    moments[0] = 0.9 * moments[0] + 0.1 * gradient
    moments[1] = 0.999 * moments[1] + 0.001 * gradient**2
    return moments[0] / (1 - 0.9**step) / ((moments[1] / (1 - 0.999**step)).sqrt() + 1e-8)


def _rmsprop(moments: list[Tensor], gradient: Tensor, step: int) -> Tensor:
    moments[1] = 0.9 * moments[1] + 0.1 * gradient**2
    return gradient / (moments[1].sqrt() + 1e-8)


def _adagrad(moments: list[Tensor], gradient: Tensor, step: int) -> Tensor:
    moments[1] = moments[1] + gradient**2
    return gradient / (moments[1].sqrt() + 1e-10)


def _sgd(moments: list[Tensor], gradient: Tensor, step: int) -> Tensor:
    moments[0] = 0.9 * moments[0] + gradient
    return moments[0]


def _nesterov(moments: list[Tensor], gradient: Tensor, step: int) -> Tensor:
    return gradient + 0.9 * _sgd(moments, gradient, step)


def _descent(moments: list[Tensor], gradient: Tensor, step: int) -> Tensor:
    return gradient


Update = Callable[[list[Tensor], Tensor, int], Tensor]


EQUATIONS: dict[str, list[tuple[dict[str, Any], Update]]] = {
    "adagrad": [({}, _adagrad)],
    "adam": [({}, _adam)],
    "adamw": [({}, _adam)],
    "rmsprop": [({}, _rmsprop)],
    "sgd": [
        ({}, _nesterov),
        ({"nesterov": False}, _sgd),
        ({"momentum": 0.0}, _descent),
        ({"decoupled": True}, _nesterov),
    ],
}
"""Of every optimizer but Muon, which moves matrices: `test_muon.py`."""


@pytest.mark.parametrize("name", [name for name in registry.entries("optimizer") if name != "muon"])
def test_three_steps_follow_the_equations_with_a_penalty(name: str) -> None:
    for options, update in EQUATIONS[name]:
        if name == "adamw" or options.get("decoupled"):
            _three_steps(name, options, lambda w, g, moments, step, u=update: 0.1 * (0.2 * w + u(moments, g, step)))
        else:
            _three_steps(name, options, lambda w, g, moments, step, u=update: 0.1 * u(moments, g + 0.2 * w, step))


def _three_steps(name: str, options: dict[str, Any], change: Callable[..., Tensor]) -> None:
    network = nn.Linear(2, 1, bias=False, dtype=torch.float64)
    expected = network.weight.detach().clone()
    chosen = registry.options("optimizer", name)(lr=0.1, weight_decay=0.2, **options)
    optimizer = registry.build(chosen, network)
    moments = [torch.zeros_like(expected), torch.zeros_like(expected)]
    for step, gradient in enumerate(GRADIENTS, 1):
        network.weight.grad = gradient[None].clone()
        optimizer.step()
        expected = expected - change(expected, gradient, moments, step)
        torch.testing.assert_close(network.weight.detach(), expected)


def test_the_rate_inside_the_velocity_differs_only_while_it_changes() -> None:
    def final(rates: list[float], *, inside: bool) -> float:
        weight, velocity = 1.0, 0.0
        for rate in rates:
            gradient = weight
            velocity = 0.9 * velocity + (rate if inside else 1) * gradient
            weight -= velocity if inside else rate * velocity
        return weight

    def ours(rates: list[float]) -> float:
        network = nn.Linear(1, 1, bias=False, dtype=torch.float64)
        nn.init.ones_(network.weight)
        optimizer = optimizers.sgd(network, momentum=0.9, nesterov=False, weight_decay=0.0)
        for rate in rates:
            network.weight.grad = network.weight.detach().clone()
            optimizer.param_groups[0]["lr"] = rate
            optimizer.step()
        return float(network.weight.detach())

    assert ours([0.1] * 3) == pytest.approx(final([0.1] * 3, inside=False)) == final([0.1] * 3, inside=True)
    assert ours([0.1, 0.05, 0.01]) == pytest.approx(final([0.1, 0.05, 0.01], inside=False))
    assert abs(ours([0.1, 0.05, 0.01]) - final([0.1, 0.05, 0.01], inside=True)) > 0.01


def _one_cycle(p: float) -> float:
    return 0.52 - 0.48 * math.cos(4 * math.pi * p) if p < 0.25 else 0.5 + 0.5 * math.cos(math.pi * (p - 0.25) / 0.75)


CURVES: dict[str, Callable[[float], float]] = {
    "constant": lambda p: 1.0,
    "cosine": lambda p: 0.5 + 0.5 * math.cos(math.pi * p),
    "cosine_restarts": lambda p: 0.5 + 0.5 * math.cos(math.pi * (3 * p % 1 if p < 1 else 1)),
    "exponential": lambda p: 10 ** (-2 * p),
    "linear": lambda p: 1 - p,
    "one_cycle": _one_cycle,
    "plateau": lambda p: 1.0,
    "step": lambda p: 1.0 if p < 0.3 else 0.1 if p < 0.6 else 0.01 if p < 0.9 else 0.001,
}
"""Every schedule's factor by progress, with its defaults."""


@pytest.mark.parametrize("name", registry.entries("schedule"))
def test_a_schedule_follows_its_closed_form(name: str) -> None:
    schedule = registry.build(registry.options("schedule", name)())
    for progress in (0, 0.1, 0.25, 0.29, 0.31, 0.5, 0.65, 0.8, 0.95, 1):
        assert schedule.rate(progress) == pytest.approx(CURVES[name](progress), abs=1e-12), progress


def _rates(schedule: schedules.Schedule) -> list[float]:
    return [schedule.rate(step / (STEPS - 1)) for step in range(STEPS)]


@pytest.mark.parametrize(
    ("schedule", "reference"),
    [
        (schedules.linear(end=0.1), lambda o: lr_scheduler.LinearLR(o, 1.0, 0.1, STEPS - 1)),
        (schedules.exponential(end=0.01), lambda o: lr_scheduler.ExponentialLR(o, 0.01 ** (1 / (STEPS - 1)))),
        (schedules.step(every=0.25, gamma=0.5), lambda o: lr_scheduler.StepLR(o, 3, 0.5)),
        (schedules.cosine_restarts(cycles=3), lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 4)),
    ],
)
def test_schedules_match_torch(
    schedule: schedules.Schedule, reference: Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler]
) -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs, found = reference(optimizer), []
    for _ in range(STEPS):
        found.append(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()
    assert _rates(schedule)[:-1] == pytest.approx(found[:-1])


def test_restarts_and_warm_up_reach_their_ends() -> None:
    assert _rates(schedules.cosine_restarts(cycles=3, end=0.2))[-1] == pytest.approx(0.2)
    rates = _rates(schedules.linear(warmup=0.5, start=0.1, end=0.2))
    assert (rates[0], rates[6], rates[-1]) == pytest.approx((0.1, 1, 0.2))


@pytest.mark.parametrize("curve", registry.entries("schedule"))
@pytest.mark.parametrize("name", registry.entries("optimizer"))
def test_every_pair_moves_every_parameter_and_resumes_bit_for_bit(name: str, curve: str) -> None:
    def make(network: nn.Module) -> torch.optim.Optimizer:
        made: torch.optim.Optimizer = registry.build(registry.options("optimizer", name)(), network)
        return made

    def schedule() -> schedules.Schedule:
        made: schedules.Schedule = registry.build(registry.options("schedule", curve)())
        return made

    network = nn.Linear(3, 2)
    before = [parameter.detach().clone() for parameter in network.parameters()]
    optimizer = make(network)
    scheduler = schedules.Scheduler(optimizer, schedule(), STEPS)

    def advance(net: nn.Module, opt: torch.optim.Optimizer, sched: schedules.Scheduler) -> None:
        opt.zero_grad()
        net(torch.ones(4, 3)).square().sum().backward()
        opt.step()
        sched.step()

    advance(network, optimizer, scheduler)
    assert all((a != b).all() for a, b in zip(before, network.parameters(), strict=True))
    other = copy.deepcopy(network)
    resumed = make(other)
    again = schedules.Scheduler(resumed, schedule(), STEPS)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    again.load_state_dict(scheduler.state_dict())
    for _ in range(2):
        advance(network, optimizer, scheduler)
        advance(other, resumed, again)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), other.parameters(), strict=True))
