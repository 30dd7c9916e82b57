"""The training loop: repeatable, resumable to the same weights, and stopped by a loss that is not finite."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.fit.small import Small, same, train
from torch import Tensor, nn

from darkroom.fit import trainer
from darkroom.fit.config import Training
from darkroom.fit.task import Task


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
    assert again.history.equals(fitted.history)
    assert again.steps.equals(fitted.steps)


def test_a_disk_without_space_for_a_checkpoint_stops_no_training(
    tmp_path: Path, small_disk: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    disk = small_disk(tmp_path / "disk", 2**13)
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", -1.0)
    assert same(train(2)[0], train(2, checkpoints=disk / "checkpoints")[0])
    told = capfd.readouterr().err
    assert "could not save a checkpoint at epoch 0; training continues" in told
    assert "No space left on device" in told
    assert list((disk / "checkpoints").iterdir()) == []


def test_history_has_one_row_per_epoch_and_the_rate_ends_at_zero() -> None:
    history = train(3)[1].history
    assert history["epoch"].tolist() == [0, 1, 2]
    assert history["step"].tolist() == [4, 8, 12]
    assert {"train_loss", "val_loss", "learning_rate"} <= set(history.columns)
    assert history["learning_rate"].iloc[-1] == pytest.approx(0, abs=1e-9)


def test_a_loss_that_is_not_finite_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Small, "losses", lambda self, images, labels: {"loss": self.network(images).sum() * float("nan")}
    )
    with pytest.raises(FloatingPointError, match=r"step 1.*lower training\.optimizer\.lr"):
        train(2)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("how", ["clip", "clip_value"])
def test_gradients_are_clipped_in_either_precision(precision: str, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    norms: list[float] = []
    step = torch.optim.AdamW.step

    def noted(self: torch.optim.AdamW, closure: object = None) -> object:
        done = step(self, closure)  # type: ignore[arg-type]
        parameters = [p for group in self.param_groups for p in group["params"]]
        order = 2 if how == "clip" else torch.inf
        norms.append(float(torch.nn.utils.get_total_norm([p.grad for p in parameters], order)))
        return done

    monkeypatch.setattr(torch.optim.AdamW, "step", noted)
    train(1, precision=precision, **{how: 0.01})
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
    assert fitted.steps["step"].tolist() == [1, 3, 5, 7, 9, 11]
    assert (fitted.steps["gradient_norm"] > 0).all()
    assert sorted(told) == [1, 3, 5, 7, 9, 11]
    assert told[3]["step/gradient_norm"] == pytest.approx(fitted.steps["gradient_norm"][1])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_reported_before_training() -> None:
    with pytest.raises(ValueError, match=r"training\.accelerator is gpu, but torch finds no GPU here"):
        train(1, accelerator="gpu")


def test_the_l1_penalty_is_that_of_the_loss_and_spares_biases_and_norms(monkeypatch: pytest.MonkeyPatch) -> None:
    class Explicit(Small):
        def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
            plain = super().losses(images, labels)["loss"]
            return {"loss": plain + 0.01 * sum(p.abs().sum() for p in self.network.parameters() if p.ndim > 1)}

    penalized, explicit = train(2, l1=0.01)[0], train(2, kind=Explicit)[0]
    for one, other in zip(penalized.network.parameters(), explicit.network.parameters(), strict=True):
        torch.testing.assert_close(one, other)
    assert not same(penalized, train(2)[0])


def test_entries_are_clipped_and_the_l1_penalty_adds_its_sign_in_closed_form() -> None:
    network = nn.Linear(2, 1)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[0.3, -0.2]]))
    task = Task(network, Training(l1=0.5, clip_value=1.2))
    network.weight.grad, network.bias.grad = torch.tensor([[1.0, -0.1]]), torch.tensor([-2.0])
    task.followed = True
    norm = task.complete_gradients(network)
    torch.testing.assert_close(network.weight.grad, torch.tensor([[1.2, -0.6]]))
    torch.testing.assert_close(network.bias.grad, torch.tensor([-1.2]))
    assert float(norm) == pytest.approx((1.5**2 + 0.6**2 + 2**2) ** 0.5)
