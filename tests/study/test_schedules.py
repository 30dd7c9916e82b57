"""Coupled and decoupled decay, and the shapes of schedules."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from darkroom import registry
from darkroom.fit.optimizers import sgd
from darkroom.study.schedules.experiment import SCHEDULES, decayed


def test_decoupled_decay_follows_its_closed_form_and_coupled_decay_depends_on_the_gradient() -> None:
    apart, coupled = decayed("adamw"), decayed("adam")
    for size in (1.0, 0.01):
        assert apart[size][-1] == pytest.approx((1 - 0.001 * 0.1) ** 1000, abs=0.003)
    assert coupled[1.0][-1] > 3 * coupled[0.01][-1]


def test_plain_sgd_decays_the_same_either_way() -> None:
    ends = []
    for decoupled in (False, True):
        weight = nn.Linear(1, 1, bias=False)
        nn.init.ones_(weight.weight)
        optimizer = sgd(weight, lr=0.1, momentum=0.0, weight_decay=0.05, decoupled=decoupled)
        for gradient in (0.3, -0.2, 0.5):
            weight.weight.grad = torch.full((1, 1), gradient)
            optimizer.step()
        ends.append(float(weight.weight.detach()))
    assert ends[0] == pytest.approx(ends[1])


def test_schedules_have_their_shapes() -> None:
    rates = {name: registry.build(schedule).rate for name, schedule in SCHEDULES.items()}
    assert rates["cosine"](0.25) == pytest.approx((1 + math.cos(math.pi / 4)) / 2)
    assert rates["step"](0.65) == pytest.approx(0.01)
    assert rates["OneCycle"](0.25) == pytest.approx(1)
    assert rates["warm-up, then cosine"](0.05) < rates["warm-up, then cosine"](0.1) == 1
