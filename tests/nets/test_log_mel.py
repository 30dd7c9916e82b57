"""Log-mel spectrograms and cepstral coefficients, compared with librosa and SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import fft

from darkroom.nets.log_mel import Cepstrum, LogMel

librosa = pytest.importorskip("librosa")


def sweep(rate: int, seconds: float = 0.6) -> torch.Tensor:
    """Return two recordings: a rising tone, and noise that fades out."""
    time = torch.arange(int(rate * seconds)) / rate
    tone = 0.5 * torch.sin(2 * math.pi * (200 * time + 0.2 * rate * time.square()))
    noise = torch.randn(len(time), generator=torch.Generator().manual_seed(0)) * torch.exp(-4 * time)
    return torch.stack([tone, noise.clamp(-1, 1)])


@pytest.mark.parametrize(("rate", "window", "hop", "mels"), [(8000, 256, 80, 40), (16000, 512, 160, 64)])
def test_decibels_equal_librosas(rate: int, window: int, hop: int, mels: int) -> None:
    waves = sweep(rate)
    ours = LogMel(rate, window=window, hop=hop, mels=mels, low=50.0, high=0.45 * rate).decibels(waves)
    power = librosa.feature.melspectrogram(
        y=waves.numpy(), sr=rate, n_fft=window, hop_length=hop, n_mels=mels, fmin=50.0, fmax=0.45 * rate
    )
    theirs = librosa.power_to_db(power, amin=1e-10, top_db=None)
    assert ours.shape == theirs.shape
    audible = theirs > theirs.max() - 80  # 32-bit transforms differ in what lies further below
    np.testing.assert_allclose(ours.numpy()[audible], theirs[audible], atol=2e-2)
    np.testing.assert_allclose(ours.numpy(), theirs, atol=0.5)


def test_a_relative_spectrogram_ignores_loudness_and_shows_low_bands_at_the_bottom() -> None:
    layer = LogMel(8000, window=256, hop=80, mels=40)
    tone = torch.sin(2 * math.pi * 300 * torch.arange(4000) / 8000)[None]
    seen = layer(torch.cat([tone, 0.1 * tone]))
    assert seen.shape == (2, 1, 40, 51)
    torch.testing.assert_close(seen[0], seen[1], atol=1e-3, rtol=0)
    assert (seen.amin(), seen.amax()) == (0, 1)
    assert int(seen[0, 0, :, 25].argmax()) > 30


def test_an_absolute_spectrogram_shows_a_full_scale_sine_as_one_and_20_decibels_less_as_a_quarter_less() -> None:
    layer = LogMel(8000, window=256, hop=80, mels=40, relative=False)
    time = torch.arange(4000) / 8000
    tones = torch.stack([torch.sin(2 * math.pi * bin * 8000 / 256 * time) for bin in range(1, 40)])
    for level, expected in ((1.0, 1.0), (0.1, 0.75)):
        assert float(layer(level * tones)[:, 0, :, 25].max()) == pytest.approx(expected, abs=1e-3)


def test_silence_is_finite() -> None:
    for relative in (True, False):
        assert torch.isfinite(LogMel(8000, window=256, hop=80, mels=40, relative=relative)(torch.zeros(1, 800))).all()


def test_cepstra_equal_scipys_dct_standardized_per_recording() -> None:
    spectrograms = torch.rand(2, 1, 40, 30)
    expected = fft.dct(spectrograms.numpy()[:, :, ::-1], type=2, norm="ortho", axis=2)[:, :, :13]
    expected = (expected - expected.mean(3, keepdims=True)) / expected.std(3, keepdims=True)
    np.testing.assert_allclose(Cepstrum(40, 13)(spectrograms).numpy(), expected, atol=1e-3)


def test_bands_too_narrow_for_the_window_are_refused() -> None:
    with pytest.raises(ValueError, match="lower mels or raise window"):
        LogMel(8000, window=128, hop=64, mels=100)


def test_autocast_does_not_round_powers() -> None:
    layer, waves = LogMel(8000, window=256, hop=80, mels=40), sweep(8000)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer(waves), layer(waves.clone()))
        mixed = layer(waves)
    assert torch.equal(mixed, layer(waves))
