from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from darkroom.detect.config import DetectorTraining
from darkroom.detect.detector import FitInputs
from darkroom.detect.methods.trained import TrainedReconstruction
from darkroom.detect.methods.vae import VariationalAutoencoder
from darkroom.detect.methods.vqvae import VectorQuantizedAutoencoder

FOUND = load_digits()
DIGITS = (FOUND.images[:, :, :, None] * 15).astype(np.uint8)
IMAGES = torch.from_numpy(DIGITS).permute(0, 3, 1, 2) / 255
ZEROS, OTHERS = np.flatnonzero(FOUND.target == 0), np.flatnonzero(FOUND.target != 0)
SCORES = ["reconstruction", "elbo", "latent"]


def trained(kind: type[TrainedReconstruction], **options: Any) -> TrainedReconstruction:
    torch.manual_seed(0)
    training = DetectorTraining(epochs=30, precision="fp32")
    detector = kind((1, 8, 8), **options)
    detector.fit(FitInputs(images=DIGITS, train=ZEROS[:120], val=ZEROS[120:140], training=training, seed=0))
    return detector.eval()


@pytest.mark.training
@pytest.mark.parametrize(
    ("kind", "options", "least"),
    [
        (VariationalAutoencoder, {"score": "reconstruction"}, 0.9),
        (VariationalAutoencoder, {"score": "elbo"}, 0.9),
        (VectorQuantizedAutoencoder, {}, 0.7),
    ],
)
def test_other_digits_score_higher(kind: type[TrainedReconstruction], options: dict[str, Any], least: float) -> None:
    detector = trained(kind, **options)
    with torch.inference_mode():
        normal, unusual = (detector.score(IMAGES[rows]).scores for rows in (ZEROS[140:], OTHERS[:300]))
    assert (unusual[:, None] > normal).float().mean() > least  # the area under the ROC curve


@torch.inference_mode()
def test_the_scores_are_the_parts_of_the_bound() -> None:
    torch.manual_seed(0)
    by = {score: VariationalAutoencoder((1, 8, 8), score=score) for score in SCORES}  # type: ignore[arg-type]
    for detector in by.values():
        detector.load_state_dict(by["elbo"].state_dict())
        # the posterior is as good as certain of its mean, so that a draw from it is its mean
        detector.model.encoder.head.bias[16:] = -50.0
        detector.model.encoder.head.weight[16:] = 0.0
    images = IMAGES[:6]
    bound = by["elbo"].model.bound(images, torch.full((6,), -1), torch.Generator().manual_seed(0))
    assert torch.allclose(by["latent"].score(images).scores, bound.kl)
    assert torch.allclose(by["elbo"].score(images).scores, -bound.elbo, rtol=1e-3)
    error = (by["latent"].reconstruct(images) - images).square().mean(1)
    assert torch.equal(by["reconstruction"].score(images).scores, error.mean((1, 2)))
    for detector in by.values():
        assert torch.equal(detector.score(images).maps, error)  # type: ignore[arg-type]
