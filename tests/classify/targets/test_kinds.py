"""What each kind of target does with a batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn import metrics as reference
from torch import nn

from darkroom.augment.config import OnlineSpec
from darkroom.augment.online import from_policy
from darkroom.classify.losses.regression import Huber
from darkroom.classify.targets.kinds import learned
from darkroom.classify.targets.labels import SeveralLabels
from darkroom.classify.targets.numbers import Numbers
from darkroom.classify.targets.one_class import OneClass
from darkroom.data.target import Target
from darkroom.nets.rescale import rescaled


def draws() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_f1_and_map_over_unequal_batches_are_those_of_all_images() -> None:
    outputs, targets = torch.randn(50, 4, generator=draws()), (torch.rand(50, 4, generator=draws()) < 0.3).float()
    kind, totals = SeveralLabels(), SeveralLabels().totals()
    for part in (slice(0, 32), slice(32, 50)):
        totals.add(kind.measures(outputs[part], targets[part], nn.Identity()), len(targets[part]))
    found = (outputs > 0).float()
    hits = float((found * targets).sum())
    closed = totals.close()
    assert closed["f1"] == pytest.approx(2 * hits / float(found.sum() + targets.sum()))
    assert closed["loss"] == pytest.approx(float(F.binary_cross_entropy_with_logits(outputs, targets)) * 4, rel=1e-5)
    assert closed["map"] == pytest.approx(reference.average_precision_score(targets.numpy(), outputs.numpy()))
    assert closed.keys() == {"loss", "f1", "map"}
    assert totals.close() == {}


def test_f1_without_any_positive_is_zero() -> None:
    totals = SeveralLabels().totals()
    totals.add(SeveralLabels().measures(-torch.ones(3, 2), torch.zeros(3, 2), nn.Identity()), 3)
    assert totals.close() == {"loss": pytest.approx(0.6265, abs=1e-3), "f1": 0}


def test_outputs_that_diverged_have_no_map() -> None:
    totals = SeveralLabels().totals()
    totals.add(SeveralLabels().measures(torch.full((2, 1), torch.nan), torch.eye(2)[:, :1], nn.Identity()), 2)
    assert np.isnan(totals.close()["map"])


def test_the_loss_sees_numbers_standardized() -> None:
    network = nn.Linear(3, 2)
    values = torch.tensor([[1000.0, 0.1], [3000.0, 0.3]])
    rescaled(network, 2).fit(values)
    kind = learned(Target("numbers", ("area", "price")), network, "identity")
    assert isinstance(kind, Numbers)
    outputs, targets = kind.compared(network(torch.zeros(2, 3)), values)
    assert torch.allclose(outputs, network.bias.expand(2, 2), atol=1e-5)
    assert torch.allclose(targets, torch.tensor([[-1.0, -1.0], [1.0, 1.0]]), atol=1e-5)
    same = kind.measures(values, values, Huber())
    assert {name: float(value) for name, value in same.items()} == {"loss": 0, "standardized_mae": 0}


def test_one_vs_rest_outputs_are_validated_by_their_normalized_sigmoids() -> None:
    outputs, labels = torch.randn(8, 3, generator=draws()), torch.arange(8) % 3
    chances = outputs.sigmoid() / outputs.sigmoid().sum(1, keepdim=True)
    found = OneClass(3, "sigmoid").measures(outputs, labels, nn.Identity())["loss"]
    assert float(found) == pytest.approx(float(F.nll_loss(chances.log(), labels)), rel=1e-5)


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_labels_and_numbers_mix_as_the_images_do(name: str) -> None:
    policy = OnlineSpec.model_validate({"online": [name]})
    pipeline = from_policy(policy, (), np.zeros(0, np.int64))
    assert pipeline is not None
    values = torch.tensor([[0.0, 100.0], [1.0, 300.0]]).repeat(8, 1)
    images = values[:, 0].reshape(-1, 1, 1, 1).expand(16, 1, 8, 8).contiguous()
    mixed, targets = pipeline(images, values, draws())
    assert torch.allclose(mixed.mean((1, 2, 3)), targets[:, 0], atol=1e-5)
    assert torch.allclose(100 + 200 * targets[:, 0], targets[:, 1], atol=1e-3)
    assert len(targets[:, 0].unique()) > 2
