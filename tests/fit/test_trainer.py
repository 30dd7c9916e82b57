"""The training loop: repeatable, resumable to the same weights, loud about losses that are no numbers."""

from __future__ import annotations

from collections.abc import Callable
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
    epochs: int = 3, *, seed: int = 0, checkpoints: Path | None = None, log: object = silent, **training: object
) -> tuple[Small, object]:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (60, 6, 6, 1), dtype=np.uint8)
    labels = random.integers(0, 3, 60)
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 3))
    task = Small(network, Training(epochs=epochs, batch_size=16, **training))  # type: ignore[arg-type]
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


@pytest.mark.parametrize(
    ("what", "at"), [("val/loss", 12), ("step/loss", 10)], ids=["at an epoch's end", "in its middle"]
)
def test_an_interrupted_run_ends_with_the_same_weights_and_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, at: int
) -> None:
    whole, fitted = train(4)
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", -1.0)

    def stop(values: dict[str, float], step: int | None = None) -> None:
        if what in values and step == at:
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train(4, checkpoints=tmp_path, log=stop)
    assert (tmp_path / trainer.CHECKPOINT).exists()
    later: list[int] = []
    resumed, again = train(4, checkpoints=tmp_path, log=lambda values, step=None: later.append(step or 0))
    assert min(later) == 9  # the two epochs of four steps that were whole are not trained again
    assert same(whole, resumed)
    assert again.history.equals(fitted.history)  # type: ignore[attr-defined]
    assert again.steps.equals(fitted.steps)  # type: ignore[attr-defined]


def test_a_disk_without_room_for_a_checkpoint_stops_no_training(
    tmp_path: Path, small_disk: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    disk = small_disk(tmp_path / "disk", 2**13)
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", -1.0)
    assert same(train(2)[0], train(2, checkpoints=disk / "checkpoints")[0])
    told = capfd.readouterr().err
    assert "could not save a checkpoint at epoch 0; training continues" in told
    assert "No space left on device" in told
    assert list((disk / "checkpoints").iterdir()) == []


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


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_gradients_are_clipped_in_either_precision(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    norms: list[float] = []
    step = torch.optim.AdamW.step

    def noted(self: torch.optim.AdamW, closure: object = None) -> object:
        done = step(self, closure)  # type: ignore[arg-type]
        parameters = [p for group in self.param_groups for p in group["params"]]
        norms.append(float(torch.nn.utils.get_total_norm([p.grad for p in parameters])))
        return done

    monkeypatch.setattr(torch.optim.AdamW, "step", noted)
    train(1, precision=precision, clip=0.01)
    assert len(norms) == 4
    assert max(norms) <= 0.01 * (1 + 1e-5)


def test_a_bad_loss_names_step_batch_and_the_last_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", -1.0)
    plain, calls = Small.losses, []

    def losses(self: Small, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        calls.append(1)
        bad = self.training and len(calls) >= 9  # an epoch is four steps of training and two of validation
        return {"loss": plain(self, images, labels)["loss"] * (float("inf") if bad else 1)}

    monkeypatch.setattr(Small, "losses", losses)
    path = tmp_path / trainer.CHECKPOINT
    with pytest.raises(FloatingPointError, match=rf"at step 7 \(epoch 1, batch 2\).*last good checkpoint is {path}"):
        train(4, checkpoints=tmp_path)
    torch.load(path, weights_only=True)


def test_steps_are_recorded_with_the_norm_of_their_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "MOST_STEPS", 6)
    told: dict[int, dict[str, float]] = {}

    def log(values: dict[str, float], step: int | None = None) -> None:
        if step is not None and "step/loss" in values:
            told[step] = values

    _, fitted = train(3, log=log)
    assert fitted.steps["step"].tolist() == [1, 3, 5, 7, 9, 11]  # type: ignore[attr-defined]
    assert (fitted.steps["gradient_norm"] > 0).all()  # type: ignore[attr-defined]
    assert sorted(told) == [1, 3, 5, 7, 9, 11]
    assert told[3]["step/gradient_norm"] == pytest.approx(fitted.steps["gradient_norm"][1])  # type: ignore[attr-defined]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said_before_the_training() -> None:
    with pytest.raises(ValueError, match=r"training\.accelerator is gpu, but torch finds no GPU here"):
        train(1, accelerator="gpu")
