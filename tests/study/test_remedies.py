"""What the remedies do to weights and rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from darkroom.nets.mlp import MLP
from darkroom.study.remedies.experiment import _few, _trained, choose, compared, outcome
from darkroom.study.training import Trained, digits, divide

STORE = digits()
DIVISION = divide(STORE, train=240, val=0, test=200, seed=0)


def test_the_few_images_are_balanced_and_part_of_more_data() -> None:
    few = _few(STORE, DIVISION, 80, 0)
    assert set(few) < set(DIVISION.train)
    assert np.bincount(STORE.labels[few]).tolist() == [8] * 10
    assert set(few) != set(_few(STORE, DIVISION, 80, 1))


def test_l1_makes_weights_zero_and_l2_makes_them_small() -> None:
    few = _few(STORE, DIVISION, 80, 0)
    plain, l1, l2 = (
        _trained(STORE, few, 0, epochs=25, hidden=16, training=training, decay=decay)
        for training, decay in (({}, 0.0), ({"l1": 0.005}, 0.0), ({}, 0.01))
    )
    zeros = {name: outcome(model, STORE, few, DIVISION.test).zeros for name, model in (("plain", plain), ("l1", l1))}
    assert zeros["l1"] > 3 * zeros["plain"]
    sizes = [float(torch.cat([p.flatten() for p in m.network.parameters()]).norm().detach()) for m in (plain, l2)]
    assert sizes[1] < sizes[0]


def test_a_network_compared_with_itself_has_no_effect_and_weights_below_the_threshold_count() -> None:
    network = MLP((1, 8, 8), 10, hidden=[4], dropout=0.0)
    torch.nn.init.constant_(network.head.weight, 1e-4)
    with torch.no_grad():
        network.body[1].weight.fill_(1.0)  # type: ignore[operator]
    found = outcome(Trained(network, None, None), STORE, DIVISION.train, DIVISION.test)  # type: ignore[arg-type]
    assert found.zeros == pytest.approx(40 / (40 + 256))
    accuracy, loss = compared([found, found], [found, found])
    assert accuracy.value == loss.value == 0
    assert not accuracy.clear


def test_cross_validation_does_not_choose_a_rate_that_forgets_everything() -> None:
    few = _few(STORE, DIVISION, 80, 0)
    assert choose(STORE, few, (0.99, 0.0), folds_=2, seed=0, epochs=15, hidden=32) == 0.0
