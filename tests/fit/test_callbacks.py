"""Early stopping, weight averaging, a rate that waits for the loss: what they keep, and that an interruption changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.fit.small import Small, batches, interrupted, same, train, weights
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.optim.swa_utils import AveragedModel, update_bn

from darkroom.fit import callbacks, optimizers, schedules, trainer
from darkroom.fit.average import renew_statistics

LOSSES = [5, 4, 4.5, 3, 3.5, 3.2, 3.1, 9, 1]


class Staged(Small):
    """Reports a validation loss that follows a script."""

    def measures(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        return {"loss": torch.tensor(float(LOSSES[(self.step - 1) // 4]))}


def test_early_stopping_waits_for_its_patience_and_returns_to_the_best_weights() -> None:
    told: dict[str, float] = {}
    task, fitted = train(
        9, kind=Staged, patience=3, schedule="constant", log=lambda values, step=None: told.update(values)
    )
    assert fitted.history["val_loss"].tolist() == LOSSES[:7]
    assert told["train/best_epoch"] == 3
    assert same(task, train(4, kind=Staged, schedule="constant")[0])


def test_patience_longer_than_the_run_still_keeps_the_best_weights() -> None:
    task, fitted = train(6, kind=Staged, patience=9, schedule="constant")
    assert len(fitted.history) == 6
    assert same(task, train(4, kind=Staged, schedule="constant")[0])


@pytest.mark.parametrize(
    ("at", "options"),
    [
        (6, {"kind": Staged, "patience": 3}),
        (3, {"kind": Staged, "schedule": {"name": "plateau", "patience": 1}}),
        (6, {"kind": Staged, "schedule": {"name": "plateau", "patience": 2}, "optimizer": "sgd"}),
        (8, {"swa": 0.5}),
        (3, {"swa": 0.5}),
        (6, {"optimizer": ["adamw", {"name": "sgd", "lr": 0.01, "from": 0.6}]}),
        (5, {"optimizer": ["muon", {"name": "sgd", "from": 0.5}, {"name": "adam", "from": 0.9}], "l1": 0.01}),
    ],
)
def test_an_interrupted_run_ends_with_the_same_weights(
    at: int, options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, fitted = train(9, **options)
    interrupted(tmp_path, monkeypatch, at=at, epochs=9, **options)
    resumed, again = train(9, checkpoints=tmp_path, **options)
    assert same(whole, resumed)
    assert again.history.equals(fitted.history)


@pytest.mark.parametrize("options", [{"kind": Staged, "patience": 3}, {"swa": 0.5}])
def test_a_run_resumed_after_its_end_changes_nothing(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", -1.0)
    whole, fitted = train(9, checkpoints=tmp_path, **options)
    resumed, again = train(9, checkpoints=tmp_path, **options)
    assert same(whole, resumed)
    assert again.history.equals(fitted.history)


def test_weights_are_averaged_as_torch_does_and_batch_statistics_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    averages: list[AveragedModel] = []
    add = callbacks.EqualAverage.add

    def noted(self: callbacks.EqualAverage, network: nn.Module) -> None:
        if not averages:
            averages.append(AveragedModel(network))
        averages[0].update_parameters(network)
        add(self, network)

    monkeypatch.setattr(callbacks.EqualAverage, "add", noted)
    task, _ = train(5, swa=0.4, precision="fp32")
    assert int(averages[0].n_averaged) == 2
    expected = averages[0].module
    for parameter, other in zip(task.network.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(parameter, other)
    train_batches = batches()
    train_batches.epoch = 5
    update_bn([images for images, _ in train_batches], expected)
    torch.testing.assert_close(weights(task)["1.running_mean"], expected.state_dict()["1.running_mean"])
    torch.testing.assert_close(weights(task)["1.running_var"], expected.state_dict()["1.running_var"])


def test_the_rate_stays_where_averaging_begins() -> None:
    rates = train(10, swa=0.5)[1].history["learning_rate"].to_numpy()
    plain = train(10)[1].history["learning_rate"].to_numpy()
    assert np.allclose(rates[:4], plain[:4])
    assert np.ptp(rates[5:]) == 0
    assert plain[5] < rates[5] < plain[3]


def test_layers_in_evaluation_mode_keep_their_statistics() -> None:
    frozen, live = nn.BatchNorm1d(3).eval(), nn.BatchNorm1d(3)
    network = nn.Sequential(frozen, live)
    inputs = torch.randn(4, 8, 3, generator=torch.Generator().manual_seed(0)) + 5
    renew_statistics(network, (network(batch) for batch in inputs))
    assert (frozen.running_mean == 0).all()
    torch.testing.assert_close(live.running_mean, (inputs / (1 + frozen.eps) ** 0.5).mean((0, 1)))
    assert live.momentum == 0.1


def test_plateau_drops_when_torch_would_with_one_epoch_less_of_patience() -> None:
    def made() -> torch.optim.Optimizer:
        return optimizers.sgd(nn.Linear(1, 1), lr=1.0)

    ours, theirs = made(), made()
    schedule = schedules.Scheduler(ours, schedules.plateau(factor=0.5, patience=2, floor=0.2), 100)
    reference = ReduceLROnPlateau(theirs, factor=0.5, patience=1, threshold=0, min_lr=0.2)
    for loss in [5, 4, 4.5, 4, 3, 3.5, 3.2, 3.1, 9, 1, 2, 2, 2, 2]:
        ours.step()
        schedule.step()
        schedule.epoch_ended(loss)
        reference.step(loss)
        assert [g["lr"] for g in ours.param_groups] == pytest.approx([g["lr"] for g in theirs.param_groups])
    assert ours.param_groups[0]["lr"] == pytest.approx(0.2)


@pytest.mark.parametrize("options", [{"patience": 2}, {"schedule": "plateau"}])
def test_a_run_without_validation_images_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(
        ValueError, match=r"training\.(patience|schedule) needs a validation loss.*raise data\.split\.val"
    ):
        train(9, validate=False, **options)
