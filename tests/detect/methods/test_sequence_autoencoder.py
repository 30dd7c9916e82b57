from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from darkroom.detect.config import DetectorTraining
from darkroom.detect.detector import FitInputs
from darkroom.detect.methods.sequence_autoencoder import SequenceAutoencoder

DIGITS = (load_digits().images[:, :, :, None] * 15).astype(np.uint8)
IMAGES = torch.from_numpy(DIGITS).permute(0, 3, 1, 2) / 255


@pytest.mark.training
@pytest.mark.parametrize("precision", ["fp32", pytest.param("bf16", marks=pytest.mark.thorough)])
def test_a_code_tells_digits_apart(precision: str) -> None:
    torch.manual_seed(0)
    training = DetectorTraining.model_validate({"epochs": 40, "precision": precision, "optimizer": {"lr": 0.01}})
    detector = SequenceAutoencoder((1, 8, 8))
    fitted = detector.fit(
        FitInputs(images=DIGITS, train=np.arange(300), val=np.arange(300, 400), training=training, seed=0)
    )
    held_out = IMAGES[400:600]
    with torch.inference_mode():
        error = detector.score(held_out).scores.mean()
    assert error < 0.5 * (held_out - IMAGES[:300].mean(0)).square().mean()  # better than one image for all
    assert fitted.history["val_loss"].iloc[-1] < fitted.history["val_loss"].iloc[0]


def test_a_row_is_read_with_all_its_channels_and_before_the_rows_below() -> None:
    torch.manual_seed(0)
    detector, image = SequenceAutoencoder((2, 8, 9)), torch.rand(1, 2, 8, 9)
    rows = image[0].permute(1, 0, 2).reshape(1, 8, 18)
    state = torch.zeros(1, 1, 64)
    for row in rows.split(1, dim=1):
        _, state = detector.encoder(row, state)
    assert torch.allclose(detector.encode(image), detector.to_code(state[0]), atol=1e-6)


def test_the_last_row_is_written_first() -> None:
    torch.manual_seed(0)
    detector, image = SequenceAutoencoder((2, 8, 9)), torch.rand(1, 2, 8, 9)
    code = detector.encode(image)
    first, _ = detector.decoder(code[:, None], detector.to_state(code)[None])
    expected = detector.to_row(first[0, 0]).reshape(2, 9)
    assert torch.allclose(detector.reconstruct(image)[0, :, 7], expected, atol=1e-6)
