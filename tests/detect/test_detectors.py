"""Every registered detector: shapes, finite scores, parameters that learn, the same output after loading."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from darkroom import files, registry
from darkroom.detect.config import DetectorTraining
from darkroom.detect.detector import Detector
from darkroom.fit.model import WEIGHTS, rebuild, save_model
from darkroom.log import silent
from darkroom.nets import pretrained
from darkroom.settings import Section

SHAPES = [(1, 8, 8), (3, 33, 17)]
TRAINING = DetectorTraining(epochs=1, batch_size=8)
NAMES = list(registry.entries("detector"))


SMALL = {"side": 32, "dimensions": 8, "of": ("pca", "autoencoder", "mahalanobis")}
"""Options that detectors need, or in place of defaults that take long."""

CONSTANT = {"model.discriminator.score.parametrizations.weight.0._u"}
"""A unit vector of one number: the left singular vector of a matrix of one row."""


def options(name: str) -> Section:
    """Small options of a detector; skips the test where the backbone that it needs is not installed."""
    model = registry.options("detector", name)
    if "architecture" in model.model_fields and pretrained.installed() is None:
        pytest.skip(f"{pretrained.PACKAGE} is not installed")
    return model.model_validate({key: value for key, value in SMALL.items() if key in model.model_fields})


def build(name: str, shape: tuple[int, int, int]) -> Detector:
    torch.manual_seed(0)
    given = (shape, TRAINING) if registry.entry("detector", name).takes("training") else (shape,)
    detector: Detector = registry.build(options(name), *given)
    return detector


def fitted(name: str, shape: tuple[int, int, int]) -> Detector:
    channels, height, width = shape
    images = np.random.default_rng(0).integers(0, 256, (30, height, width, channels), dtype=np.uint8)
    detector = build(name, shape)
    detector.fit(images, np.arange(24), np.arange(24, 30), labels=np.arange(30) % 3, seed=0, log=silent)
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


def test_an_autoencoder_without_a_training_section_is_not_fitted() -> None:
    detector = registry.build(registry.options("detector", "autoencoder")(), (1, 8, 8))
    with pytest.raises(ValueError, match="training section"):
        detector.fit(np.zeros((4, 8, 8, 1), np.uint8), np.arange(3), np.arange(3, 4), seed=0, log=silent)
