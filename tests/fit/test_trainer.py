"""The training loop: repeatable, resumable to the same weights, loud about losses that are no numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.fit import trainer
from darkroom.fit.batches import Batches, Pool
from darkroom.fit.config import Training
from darkroom.fit.task import Task
from darkroom.log import silent


class Small(Task):
    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        return {"loss": F.cross_entropy(self.network(images).float(), labels)}


def train(
    epochs: int = 3, *, seed: int = 0, checkpoints: Path | None = None, log: object = silent
) -> tuple[Small, object]:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (60, 6, 6, 1), dtype=np.uint8)
    labels = random.integers(0, 3, 60)
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 3))
    task = Small(network, Training(epochs=epochs, batch_size=16))
    made = Batches(Pool([images]), np.arange(60)[:, None], labels, batch_size=16, seed=seed)
    val = Batches(Pool([images]), np.arange(20)[:, None], labels[:20], batch_size=16)
    return task, trainer.fit(task, made, val, seed=seed, log=log, checkpoints=checkpoints)  # type: ignore[arg-type]


def weights(task: Small) -> dict[str, Tensor]:
    return task.network.state_dict()


def same(one: Small, other: Small) -> bool:
    return all(torch.equal(value, weights(other)[name]) for name, value in weights(one).items())


def test_a_seed_repeats_and_another_differs() -> None:
    assert same(train()[0], train()[0])
    assert not same(train()[0], train(seed=1)[0])


def test_an_interrupted_run_ends_with_the_same_weights_and_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, fitted = train(4)
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", -1.0)
    steps = []

    def stop(values: dict[str, float], step: int | None = None) -> None:
        if "val/loss" in values:
            steps.append(step)
        if len(steps) == 3:
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train(4, checkpoints=tmp_path, log=stop)
    assert (tmp_path / trainer.CHECKPOINT).exists()
    later: list[int | None] = []
    resumed, again = train(4, checkpoints=tmp_path, log=lambda values, step=None: later.append(step))
    assert set(later) == {12, 16}  # the epochs that were whole are not trained again
    assert same(whole, resumed)
    assert again.history.equals(fitted.history)  # type: ignore[attr-defined]


def test_history_has_a_row_an_epoch_and_the_rate_ends_at_zero() -> None:
    history = train(3)[1].history  # type: ignore[attr-defined]
    assert history["epoch"].tolist() == [0, 1, 2]
    assert history["step"].tolist() == [4, 8, 12]
    assert {"train_loss", "val_loss", "learning_rate"} <= set(history.columns)
    assert history["learning_rate"].iloc[-1] == pytest.approx(0, abs=1e-9)


def test_a_loss_that_is_no_number_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Small, "losses", lambda self, images, labels: {"loss": self.network(images).sum() * float("nan")}
    )
    with pytest.raises(FloatingPointError, match=r"step 1.*lower training\.optimizer\.lr"):
        train(2)
