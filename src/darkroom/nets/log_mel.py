"""The log-mel spectrogram and cepstral coefficients as layers, so that a network takes waveforms and carries its own input.

Definitions as in librosa's defaults: Slaney's mel scale and area-normalized triangular filters, a periodic Hann window,
centered frames. The test compares with librosa.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

QUIETEST = 1e-10
"""Power below which a band is silent: -100 dB."""

CACHED = 2**19
"""Values to transform at a time on a CPU, so that intermediate results stay in its caches."""


class LogMel(nn.Module):
    """Map waveforms (B, T) to log-mel spectrograms (B, 1, mels, frames) in [0, 1], lowest band last, as images show them.

    1 is the recording's loudest value if `relative`, else that of a full-scale sine; 0 is `range` decibels below. Frames of
    `window` samples follow each other by `hop` samples.
    """

    hann: Tensor
    filters: Tensor

    def __init__(
        self,
        rate: int,
        *,
        window: int,
        hop: int,
        mels: int,
        low: float = 0.0,
        high: float | None = None,
        relative: bool = True,
        range: float = 80.0,
    ) -> None:
        super().__init__()
        self.window, self.hop, self.relative, self.range = window, hop, relative, range
        filters = mel_filters(rate, window, mels, low=low, high=rate / 2 if high is None else high)
        self.register_buffer("hann", torch.hann_window(window), persistent=False)
        self.register_buffer("filters", filters, persistent=False)
        # a sine under a Hann window has the power (window / 4)² in its own frequency and a quarter of it in both neighbors
        sine = functional.conv1d(filters.T[:, None], torch.tensor([[[0.25, 1.0, 0.25]]]), padding=1)
        self.loudest = 10 * math.log10((window / 4) ** 2 * float(sine.max()))

    @classmethod
    def in_milliseconds(cls, rate: int, *, window: float, hop: float, **how: Any) -> LogMel:
        """Build the layer from a window and a hop in milliseconds; the window gets an even number of samples."""
        return cls(rate, window=max(2, 2 * round(window * rate / 2000)), hop=max(1, round(hop * rate / 1000)), **how)

    def frames(self, samples: int) -> int:
        """Return the number of frames of a waveform."""
        return samples // self.hop + 1

    def decibels(self, waves: Tensor) -> Tensor:
        """Return band powers in decibels: (B, T) to (B, mels, frames), lowest band first."""
        with torch.autocast(waves.device.type, enabled=False):  # bf16 would leave 2 digits of a power
            half = self.window // 2
            padded = functional.pad(waves.float(), (half, half))
            together = max(1, CACHED // (self.window * self.frames(waves.shape[1])))
            parts = padded.split(together) if waves.device.type == "cpu" else [padded]
            bands = torch.cat([self._power(part) for part in parts])
            return 10 * bands.clamp_min(QUIETEST).log10().transpose(1, 2)

    def _power(self, padded: Tensor) -> Tensor:
        """Return band powers (B, frames, mels) of padded waveforms."""
        frames = padded.unfold(1, self.window, self.hop)  # (B, frames, window)
        parts = torch.view_as_real(torch.fft.rfft(frames * self.hann))
        squared = parts * parts
        return (squared[..., 0] + squared[..., 1]) @ self.filters

    def forward(self, waves: Tensor) -> Tensor:  # (B, T) in [-1, 1] -> (B, 1, mels, frames)
        loud = self.decibels(waves)
        top: Tensor | float = loud.amax((1, 2), keepdim=True) if self.relative else self.loudest
        return ((loud - top) / self.range + 1).clamp(0, 1).flip(1)[:, None]


class Cepstrum(nn.Module):
    """Map log-mel spectrograms (B, 1, mels, frames) to mel-frequency cepstral coefficients (B, 1, count, frames).

    The orthonormal DCT-II over bands; each coefficient is standardized over the recording's frames (cepstral mean and
    variance normalization).
    """

    basis: Tensor

    def __init__(self, mels: int, count: int) -> None:
        super().__init__()
        self.register_buffer("basis", cosine_basis(mels, count), persistent=False)

    def forward(self, spectrograms: Tensor) -> Tensor:
        coefficients = self.basis @ spectrograms.flip(2)
        centered = coefficients - coefficients.mean(3, keepdim=True)
        return centered / (centered.square().mean(3, keepdim=True) + 1e-6).sqrt()


def mel_filters(rate: int, window: int, mels: int, *, low: float, high: float) -> Tensor:
    """Return triangular filters of unit area (window // 2 + 1, mels), evenly spaced on the mel scale from `low` to `high` Hz.

    Raises ValueError if a band holds no frequency of the transform.
    """
    frequencies = torch.linspace(0, rate / 2, window // 2 + 1, dtype=torch.float64)
    first, last = to_mel(torch.tensor([low, high], dtype=torch.float64)).tolist()
    edges = to_hertz(torch.linspace(first, last, mels + 2, dtype=torch.float64))
    widths = edges.diff()
    rising = (frequencies[:, None] - edges[:-2]) / widths[:-1]
    falling = (edges[2:] - frequencies[:, None]) / widths[1:]
    filters = torch.minimum(rising, falling).clamp_min(0) * 2 / (edges[2:] - edges[:-2])
    if empty := int((filters.amax(0) == 0).sum()):
        raise ValueError(
            f"{empty} of {mels} mel bands lie between two frequencies of a window of {window} samples; lower mels or raise "
            "window"
        )
    return filters.float()


def cosine_basis(length: int, count: int) -> Tensor:
    """Return the first `count` rows of the orthonormal DCT-II (count, length)."""
    order, place = torch.arange(count, dtype=torch.float64), torch.arange(length, dtype=torch.float64)
    basis = (math.pi / length * torch.outer(order, place + 0.5)).cos() * math.sqrt(2 / length)
    basis[0] /= math.sqrt(2)
    return basis.float()


def to_mel(hertz: Tensor) -> Tensor:
    """Convert to Slaney's mel scale: linear below 1 kHz, logarithmic above."""
    linear, step = hertz / (200 / 3), math.log(6.4) / 27
    return torch.where(hertz < 1000, linear, 15 + (hertz.clamp_min(1e-9) / 1000).log() / step)


def to_hertz(mel: Tensor) -> Tensor:
    """Convert from Slaney's mel scale."""
    return torch.where(mel < 15, mel * (200 / 3), 1000 * ((mel - 15) * (math.log(6.4) / 27)).exp())
