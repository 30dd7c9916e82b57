"""Detectors of images on spectrograms of recordings."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from darkroom import files, registry
from darkroom.detect.detector import FitInputs, build, read_detector
from darkroom.fit.config import Training
from darkroom.fit.model import save_model

SHAPE = (2000, 8000)


def tones(count: int, hertz: float) -> NDArray[np.int16]:
    generator = np.random.default_rng(int(hertz))
    time = np.arange(SHAPE[0]) / SHAPE[1]
    starts = generator.uniform(0, 2 * math.pi, (count, 1))
    return np.asarray(
        3000 * np.sin(2 * math.pi * hertz * time + starts) + generator.normal(size=(count, 2000)) * 50, np.int16
    )


@pytest.mark.parametrize(
    "of", [{"name": "pca"}, {"name": "autoencoder", "network": "linear"}], ids=lambda of: of["name"]
)
def test_a_detector_of_images_tells_another_pitch(of: dict[str, str], tmp_path: Path) -> None:
    torch.manual_seed(0)
    options = registry.options("detector", "spectrogram").model_validate({"name": "spectrogram", "of": of, "mels": 32})
    detector = build(options, SHAPE)
    training = Training(epochs=30, batch_size=16) if of["name"] == "autoencoder" else None
    inputs = FitInputs(images=tones(40, 500), train=np.arange(32), val=np.arange(32, 40), training=training, seed=0)
    fitted = detector.fit(inputs)
    heard = torch.from_numpy(np.concatenate([tones(5, 500), tones(5, 1200)]).astype(np.float32) / 2**15)
    with torch.inference_mode():
        scores, maps = detector.eval().score(heard)
    assert scores[:5].max() < scores[5:].min()
    assert maps is not None
    assert maps.shape == (10, *detector.pictures(tones(1, 500)).shape[1:3])
    with files.folder(tmp_path / "model") as fresh:
        save_model(fresh, detector, plugin=options, shape=SHAPE, classes=(), fitted=fitted, samples="audio")
    with torch.inference_mode():
        torch.testing.assert_close(read_detector(tmp_path / "model").score(heard).scores, scores)
