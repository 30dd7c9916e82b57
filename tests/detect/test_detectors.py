"""Every registered detector: shapes, finite scores, parameters that learn, the same output after loading."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from darkroom import files, registry
from darkroom.detect.config import DetectorTraining, is_trained
from darkroom.detect.detector import Detector, FitInputs
from darkroom.fit.model import WEIGHTS, rebuild, save_model
from darkroom.nets import pretrained
from darkroom.settings import Section

SHAPES = [(1, 8, 8), (3, 33, 17)]
TRAINING = DetectorTraining(epochs=1, batch_size=8)
NAMES = list(registry.taking("detector", "image"))


SMALL = {"side": 32, "dimensions": 8, "of": ("pca", "autoencoder", "mahalanobis")}
"""Options that detectors need, or in place of defaults that take long."""

CONSTANT = {"model.discriminator.score.parametrizations.weight.0._u"}
"""A unit vector of one number: the left singular vector of a matrix of one row."""


def options(name: str) -> Section:
    """Small options of a detector; skips the test where the backbone that it needs is not installed."""
    model = registry.options("detector", name)
    if "backbone" in model.model_fields and pretrained.installed() is None:
        pytest.skip("the extra backbone is not installed")
    return model.model_validate({key: value for key, value in SMALL.items() if key in model.model_fields})


def build(name: str, shape: tuple[int, int, int]) -> Detector:
    torch.manual_seed(0)
    detector: Detector = registry.build(options(name), shape)
    return detector


def fitted(name: str, shape: tuple[int, int, int]) -> Detector:
    channels, height, width = shape
    images = np.random.default_rng(0).integers(0, 256, (30, height, width, channels), dtype=np.uint8)
    detector = build(name, shape)
    detector.fit(
        FitInputs(
            images=images,
            train=np.arange(24),
            val=np.arange(24, 30),
            labels=np.arange(30) % 3,
            training=TRAINING,
            seed=0,
        )
    )
    return detector.eval()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_scores_maps_and_reconstructions_have_their_shapes(name: str, shape: tuple[int, int, int]) -> None:
    detector = fitted(name, shape)
    images = torch.rand(5, *shape)
    with torch.inference_mode():
        scores, maps = detector.score(images)
        rebuilt = detector.reconstruct(images)
        alone = torch.cat([detector.score(image[None]).scores for image in images])
    assert scores.shape == (5,)
    assert torch.isfinite(scores).all()
    if maps is not None:
        assert maps.shape == (5, *shape[1:])
        assert (maps >= 0).all()
    assert rebuilt is None or rebuilt.shape == images.shape
    assert torch.allclose(scores, alone, rtol=1e-4)  # whatever the batch


@pytest.mark.training
@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_learns_and_a_seed_repeats(name: str) -> None:
    fresh, first, again = build(name, (1, 9, 12)), fitted(name, (1, 9, 12)), fitted(name, (1, 9, 12))
    before, after, other = fresh.state_dict(), first.state_dict(), again.state_dict()
    assert {n for n in before if torch.equal(before[n], after[n])} <= CONSTANT
    assert [n for n in after if not torch.equal(after[n], other[n])] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_detector_scores_the_same(name: str, tmp_path: Path) -> None:
    detector = fitted(name, (1, 12, 12))
    with files.folder(tmp_path / "model") as fresh:
        save_model(fresh, detector, plugin=options(name), shape=(1, 12, 12), classes=(), fitted=None)
    torch.load(tmp_path / "model" / WEIGHTS, weights_only=True)
    loaded = rebuild("detector", tmp_path / "model", (1, 12, 12))
    assert isinstance(loaded, Detector)
    for each in (
        detector,
        loaded,
    ):  # the last bits depend on the layout in memory, which the evaluation takes from the file
        each.to(memory_format=torch.channels_last)
    images = torch.rand(3, 1, 12, 12)
    assert torch.equal(detector.score(images).scores, loaded.score(images).scores)


@pytest.mark.parametrize("name", NAMES)
def test_only_detectors_trained_by_gradient_steps_need_a_training_section(name: str) -> None:
    images = np.random.default_rng(0).integers(0, 256, (12, 12, 12, 1), dtype=np.uint8)
    inputs = FitInputs(images=images, train=np.arange(8), val=np.arange(8, 12), labels=np.arange(12) % 3, seed=0)
    detector = build(name, (1, 12, 12))
    if not is_trained(options(name)):
        assert detector.fit(inputs) is None
        return
    with pytest.raises(ValueError, match="needs a training section"):
        detector.fit(inputs)
