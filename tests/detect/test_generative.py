"""Detectors on the models of `generate`: what their scores are made of, and two phases in one training loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from darkroom.detect.config import DetectorTraining
from darkroom.detect.detector import FitInputs
from darkroom.detect.methods.diffusion import DiffusionReconstruction
from darkroom.detect.methods.fanogan import EncodedGANTask, FAnoGAN
from darkroom.detect.methods.trained import TrainedReconstruction
from darkroom.fit import trainer
from darkroom.fit.model import Fitted
from darkroom.log import Log, silent

FOUND = load_digits()
DIGITS = (FOUND.images[:, :, :, None] * 15).astype(np.uint8)
IMAGES = torch.from_numpy(DIGITS).permute(0, 3, 1, 2) / 255
ZEROS, OTHERS = np.flatnonzero(FOUND.target == 0), np.flatnonzero(FOUND.target != 0)
SMALL: dict[type[TrainedReconstruction], dict[str, Any]] = {
    FAnoGAN: {"latent": 4, "width": 8},
    DiffusionReconstruction: {"width": 8, "levels": 1, "draws": 2, "steps": 2},
}


def trained(
    kind: type[TrainedReconstruction],
    epochs: int,
    *,
    checkpoints: Path | None = None,
    log: Log = silent,
    **options: Any,
) -> tuple[TrainedReconstruction, Fitted]:
    torch.manual_seed(0)
    training = {**getattr(kind, "TRAINING"), "epochs": epochs, "precision": "fp32"}  # noqa: B009
    detector = kind((1, 8, 8), **options)
    fitted = detector.fit(
        FitInputs(
            images=DIGITS,
            train=ZEROS[:120],
            val=ZEROS[120:140],
            training=DetectorTraining.model_validate(training),
            seed=0,
            log=log,
            checkpoints=checkpoints,
        )
    )
    return detector.eval(), fitted


def auroc(detector: TrainedReconstruction) -> float:
    with torch.inference_mode():
        normal, unusual = (detector.score(IMAGES[rows]).scores for rows in (ZEROS[140:], OTHERS[:100]))
    return (unusual[:, None] > normal).float().mean().item()


@pytest.mark.thorough
@pytest.mark.training
@pytest.mark.parametrize(
    ("kind", "epochs", "options"),
    [(FAnoGAN, 60, {"latent": 8, "width": 16}), (DiffusionReconstruction, 30, {"width": 16, "draws": 2})],
)
def test_other_digits_score_higher(kind: type[TrainedReconstruction], epochs: int, options: dict[str, Any]) -> None:
    assert auroc(trained(kind, epochs, **options)[0]) > 0.9


@pytest.mark.parametrize(
    "stopped", [2, 4], ids="after {} epochs".format
)  # f-AnoGAN's game takes two and a half of five
@pytest.mark.parametrize("kind", SMALL)
def test_an_interrupted_run_ends_the_same(
    kind: type[TrainedReconstruction], stopped: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, fitted = trained(kind, 5, **SMALL[kind])
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", -1.0)
    ended = []

    def stop(values: dict[str, float], step: int | None = None) -> None:
        if "train/learning_rate" in values:
            ended.append(step)
        if len(ended) == stopped + 1:
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, SystemExit)):
        trained(kind, 5, checkpoints=tmp_path, log=stop, **SMALL[kind])
    later: list[int] = []
    resumed, again = trained(
        kind, 5, checkpoints=tmp_path, log=lambda values, step=None: later.append(step or 0), **SMALL[kind]
    )
    assert min(later) > 4 * stopped, "whole epochs were trained again"
    assert again.history.equals(fitted.history)
    assert again.steps.equals(fitted.steps)
    expected = whole.state_dict()
    assert [key for key, value in resumed.state_dict().items() if not torch.equal(value, expected[key])] == []


def test_the_encoder_learns_when_the_game_is_over_and_nothing_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: dict[str, Tensor] = {}
    losses = EncodedGANTask.losses

    def first(self: EncodedGANTask, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        if not ended:
            ended.update({f"model.{name}": value.clone() for name, value in self.network.state_dict().items()})
        return losses(self, images, labels)

    monkeypatch.setattr(EncodedGANTask, "losses", first)
    torch.manual_seed(0)
    fresh = FAnoGAN((1, 8, 8), **SMALL[FAnoGAN]).state_dict()
    detector, fitted = trained(FAnoGAN, 5, gan_share=0.3, kappa=0.5, **SMALL[FAnoGAN])
    done = detector.state_dict()
    assert int(done["model.batches"]) == 6  # of 20
    for name, value in done.items():
        encoder, constant = ".encoder." in name, name == "model.discriminator.score.parametrizations.weight.0._u"
        assert torch.equal(value, ended[name]) == (not encoder), name
        assert torch.equal(ended[name], fresh[name]) == (encoder or constant), name
    assert fitted.steps["loss_generator"].notna().tolist() == [True] * 6 + [False] * 14
    assert fitted.steps["features"].notna().tolist() == [False] * 6 + [True] * 14
    assert fitted.steps["gradient_norm_encoder"].notna().tolist() == [False] * 6 + [True] * 14
    row = fitted.history.iloc[-1]
    for split in ("train", "val"):
        parts = row[f"{split}_reconstruction"] + 0.5 * row[f"{split}_features"]
        assert row[f"{split}_loss"] == pytest.approx(parts, rel=1e-5)


@torch.inference_mode()
def test_the_score_of_fanogan_is_the_error_and_the_weighted_features() -> None:
    torch.manual_seed(0)
    detector = FAnoGAN((1, 8, 8), kappa=0.5, error="mae", smoothing=1.0).eval()
    images = IMAGES[:6]
    made = detector.reconstruct(images)
    assert made.min() >= 0
    assert made.max() <= 1
    labels = torch.full((6,), -1)
    features, their = (detector.model.discriminator(some * 2 - 1, labels).features for some in (images, made))
    error = (images - made).abs().mean((1, 2, 3))
    assert torch.allclose(detector.score(images).scores, error + 0.5 * (features - their).square().mean(1))


def test_a_diffusion_score_repeats_to_the_bit_whatever_stands_beside_the_image() -> None:
    detector, _ = trained(DiffusionReconstruction, 1, **SMALL[DiffusionReconstruction], noise=(0.2, 0.5))
    rows = torch.tensor([3, 0, 8, 5])
    with torch.inference_mode():
        together, others = detector.score(IMAGES[:9]), detector.score(IMAGES[rows])
        alone = torch.stack([detector.score(image[None]).maps[0] for image in IMAGES[:9]])  # type: ignore[index]
    assert torch.equal(others.scores, together.scores[rows])
    assert torch.equal(alone, together.maps)  # type: ignore[arg-type]


@pytest.mark.training
def test_less_comes_back_after_more_noise_and_levels_and_draws_are_averaged() -> None:
    detector, _ = trained(DiffusionReconstruction, 10, width=8, levels=1, noise=(0.1, 0.9), draws=3, steps=2)
    assert isinstance(detector, DiffusionReconstruction)
    with torch.inference_mode():
        near, far = detector.restored(IMAGES[0])
        mean, (score, maps) = detector.reconstruct(IMAGES[:1])[0], detector.score(IMAGES[:1])
    assert near.shape == far.shape == (3, 1, 8, 8)
    assert torch.allclose(mean, torch.cat([near, far]).mean(0))
    assert near.std(0).mean() > 0  # the draws differ
    errors = [(some - IMAGES[0]).square().mean() for some in (near, far)]
    assert errors[0] < errors[1]
    assert torch.allclose(score, torch.stack(errors).mean())
    assert torch.allclose(maps.mean(), score)  # type: ignore[union-attr]


def test_more_steps_than_there_are_to_go_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"detector\.steps is 30, but detector\.noise 0\.02 is only 20 time steps from the image"
    ):
        DiffusionReconstruction((1, 8, 8), steps=30, noise=(0.5, 0.02))
