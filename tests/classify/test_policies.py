"""What a policy does while training: draws of its own for every image, even classes, consistency."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from darkroom import files
from darkroom.augment.config import OnlineSpec
from darkroom.augment.online import OnlinePipeline
from darkroom.classify import train
from darkroom.classify.config import TrainSpec
from darkroom.classify.losses.cross_entropy import CrossEntropy
from darkroom.classify.targets.one_class import OneClass
from darkroom.fit import trainer
from darkroom.fit.batches import Batches, Pool
from darkroom.fit.config import Training
from darkroom.fit.trainer import fit
from darkroom.log import silent

SPEC = {"network": {"name": "mlp", "hidden": [32]}, "training": {"epochs": 2, "batch_size": 64}, "seed": 0}


@pytest.fixture(scope="module")
def plain(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the weights are without a policy."""
    out = tmp_path_factory.mktemp("plain") / "model"
    train.run(TrainSpec.model_validate(SPEC), data=digits, out=out, log=silent)
    return files.read_manifest(out)["weights.pt"]


def pipeline(*steps: Any) -> OnlinePipeline:
    found = OnlineSpec.model_validate({"online": list(steps)}).online
    return OnlinePipeline(found, {step.name: torch.ones(2) for step in found})  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "policy",
    [
        {"online": ["hflip", {"name": "affine", "p": 1}, "mixup"]},
        {"online": [{"name": "hflip", "p": 1}], "classes": {"0": {"strength": 0}}},
        {"imbalance": "class_weights"},
        {"imbalance": "balanced_sampler"},
        {"imbalance": "oversampling"},
        {"imbalance": "undersampling"},
        {"balance": True},
    ],
    ids=str,
)
def test_a_policy_changes_the_training_in_the_same_way_each_time(
    policy: dict[str, Any], plain: str, digits: Path, tmp_path: Path
) -> None:
    spec = TrainSpec.model_validate({**SPEC, "policy": policy})
    for name in ("one", "two"):
        train.run(spec, data=digits, out=tmp_path / name, log=silent)
    one, two = (files.read_manifest(tmp_path / name)["weights.pt"] for name in ("one", "two"))
    assert one == two
    assert one != plain


def test_images_of_every_epoch_and_batch_are_drawn_anew() -> None:
    seen: list[torch.Tensor] = []

    class Recorded(train.ClassifierTask):
        def views(self, images: torch.Tensor, labels: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
            views, targets = super().views(images, labels)
            seen.append(views[0].clone())
            return views, targets

    image = np.random.default_rng(0).integers(0, 256, (1, 12, 12, 1), np.uint8)
    batches = Batches(Pool([image]), np.zeros((8, 1), np.int64), np.arange(8) % 2, batch_size=4, seed=0)
    for _ in range(2):
        task = Recorded(
            torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(144, 2)),
            Training(epochs=3),
            target=OneClass(2),
            loss=CrossEntropy(),
            online=pipeline({"name": "affine", "p": 1}),
        )
        fit(task, batches, None, seed=5, log=silent)
    drawn = [picture.flatten().numpy().tobytes() for batch in seen for picture in batch]
    assert drawn[:24] == drawn[24:]  # the same seed, the same images
    assert len(set(drawn[:24])) == 24  # and within a run no two alike, though all show one image


def consistent(*steps: Any) -> train.ClassifierTask:
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(144, 2, bias=False))
    torch.nn.init.normal_(network[1].weight, generator=torch.Generator().manual_seed(0))
    return train.ClassifierTask(network, Training(), target=OneClass(2), loss=CrossEntropy(), online=pipeline(*steps))


def test_consistency_costs_nothing_where_views_agree_and_something_where_not() -> None:
    task = consistent({"name": "augmix", "consistency": 12})
    images = torch.rand(16, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    labels = torch.zeros(16, dtype=torch.int64)
    assert task.losses(torch.zeros(16, 1, 12, 12), labels)["loss"].item() == pytest.approx(np.log(2), rel=1e-3)
    plain = task.loss(task.network(images), torch.tensor([[1.0, 0.0]]).expand(16, 2))
    assert task.losses(images, labels)["loss"].item() > plain.item() + 1e-3


@pytest.mark.parametrize("before", [True, False], ids=["before augmix", "after augmix"])
def test_the_views_of_a_consistency_loss_share_one_base_augmentation(before: bool) -> None:
    flip, cut = {"name": "hflip", "p": 1}, {"name": "cutout", "p": 1}
    augmix = {"name": "augmix", "consistency": 12, "severity": 1}
    images = torch.rand(8, 1, 12, 12, generator=torch.Generator().manual_seed(0)) + 0.001
    labels = torch.zeros(8, dtype=torch.int64)

    def draws() -> torch.Generator:
        return torch.Generator().manual_seed(3)

    (base, first, second), _ = pipeline(*((flip, cut, augmix) if before else (augmix, flip, cut))).views(
        images, labels, draws()
    )
    if before:  # the same draws, as nothing random comes earlier
        assert torch.equal(base, pipeline(flip, cut)(images, labels, draws())[0])
    whole = base > 0
    assert torch.equal(base[whole], images.flip(3)[whole])  # flipped, though it saw no AugMix
    assert not whole.all()
    if not before:  # the same square is cut out of every view
        assert torch.equal(first == 0, ~whole)
        assert torch.equal(second == 0, ~whole)
    assert not torch.equal(first, second)


def test_an_interrupted_training_draws_what_it_would_have_drawn(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = {"online": [{"name": "affine", "p": 1}, "mixup"], "imbalance": "balanced_sampler"}
    spec = TrainSpec.model_validate({**SPEC, "policy": policy})
    train.run(spec, data=digits, out=tmp_path / "whole", log=silent)
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", -1.0)

    def interrupted(values: Any, step: int | None = None) -> None:
        if "train/learning_rate" in values and (tmp_path / "checkpoints").exists():
            raise KeyboardInterrupt

    kept = {"data": digits, "out": tmp_path / "resumed", "checkpoints": tmp_path / "checkpoints"}
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train.run(spec, log=interrupted, **kept)
    train.run(spec, log=silent, **kept)
    assert files.read_manifest(tmp_path / "whole") == files.read_manifest(tmp_path / "resumed")
