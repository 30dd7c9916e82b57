"""Optimizers follow their papers' equations, schedules torch's or a closed form, and every pair of them trains."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.optim import lr_scheduler

from darkroom.fit import muon, optimizers, schedules

GRADIENTS = torch.tensor([[0.5, -1.0], [0.25, 2.0], [-1.5, 0.1]], dtype=torch.float64)
OPTIMIZERS = [optimizers.adagrad, optimizers.adam, optimizers.adamw, optimizers.rmsprop, optimizers.sgd, muon.muon]
SCHEDULES = [
    schedules.constant,
    schedules.cosine,
    schedules.cosine_restarts,
    schedules.exponential,
    schedules.linear,
    schedules.one_cycle,
    schedules.plateau,
    schedules.step,
]
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
Make = Callable[..., torch.optim.Optimizer]


@pytest.mark.parametrize(
    ("make", "update"),
    [
        (optimizers.adam, _adam),
        (optimizers.rmsprop, _rmsprop),
        (optimizers.adagrad, _adagrad),
        (optimizers.sgd, _nesterov),
        (partial(optimizers.sgd, nesterov=False), _sgd),
        (partial(optimizers.sgd, momentum=0.0), _descent),
    ],
)
def test_three_steps_follow_the_equations_with_a_coupled_penalty(make: Make, update: Update) -> None:
    _three_steps(make, lambda weight, gradient, moments, step: 0.1 * update(moments, gradient + 0.2 * weight, step))


@pytest.mark.parametrize(
    ("make", "update"), [(optimizers.adamw, _adam), (partial(optimizers.sgd, decoupled=True), _nesterov)]
)
def test_three_steps_follow_the_equations_with_a_decoupled_penalty(make: Make, update: Update) -> None:
    _three_steps(
        make,
        lambda weight, gradient, moments, step: 0.1 * 0.2 * weight + 0.1 * update(moments, gradient, step),
    )


def _three_steps(make: Make, change: Callable[[Tensor, Tensor, list[Tensor], int], Tensor]) -> None:
    network = nn.Linear(2, 1, bias=False, dtype=torch.float64)
    expected = network.weight.detach().clone()
    optimizer = make(network, lr=0.1, weight_decay=0.2)
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


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("make", OPTIMIZERS)
def test_every_pair_moves_every_parameter_and_resumes_bit_for_bit(
    make: Callable[..., torch.optim.Optimizer], schedule: Callable[[], schedules.Schedule]
) -> None:
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
