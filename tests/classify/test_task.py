"""What happens to a classifier's batches and weights on the way."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from darkroom.augment.config import OnlineSpec
from darkroom.augment.online import from_policy
from darkroom.classify.losses.cross_entropy import CrossEntropy
from darkroom.classify.targets.one_class import OneClass
from darkroom.classify.task import ClassifierTask
from darkroom.fit.config import Training

MIXED = OnlineSpec.model_validate({"online": ["hflip", "mixup"]})


def task(**options: object) -> ClassifierTask:
    counts = np.array([4, 4])
    online, unmixed = (from_policy(MIXED, ("a", "b"), counts, mixing=mixing) for mixing in (True, False))
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    return ClassifierTask(
        network, Training(), target=OneClass(2), loss=CrossEntropy(), online=online, unmixed=unmixed, **options
    )  # type: ignore[arg-type]


def test_images_are_mixed_until_the_last_share_of_the_run() -> None:
    made = task(mixing_off=0.25)
    images, labels = torch.rand(8, 1, 4, 4), torch.arange(8) % 2
    made.steps = 8
    for made.step in range(8):
        made.draws.manual_seed(made.step)
        _, targets = made.views(images, labels)
        assert bool(((targets > 0) & (targets < 1)).any()) == (made.step < 6)


def test_the_average_of_the_weights_is_validated_and_kept() -> None:
    made = task(ema=0.5)
    for _ in range(3):
        with torch.no_grad():
            made.network[1].weight.add_(1.0)  # type: ignore[index, union-attr, operator]
        made.updated()
    assert made.average is not None
    average = made.average.module.state_dict()
    images, labels = torch.rand(4, 1, 4, 4), torch.tensor([0, 1, 0, 1])
    made.eval()
    expected = made.average.module(images).argmax(1)
    assert float(made.measures(images, labels)["accuracy"]) == float((expected == labels).float().mean())
    made.finish()
    assert torch.equal(made.network.state_dict()["1.weight"], average["1.weight"])
