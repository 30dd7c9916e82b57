"""Transforms of a batch of waveforms (B, T): SpecAugment and noise.

SpecAugment (Park et al. 2019, arXiv 1904.08779) changes spectrograms. Here it acts on the waveform, so that any network may
follow: a masked stretch of time is silent, a masked band of frequencies is filtered out, and time is warped by a phase vocoder,
which keeps the pitch. Masked areas of a spectrogram then have its smallest value; in the paper they have its mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from darkroom.augment.batch.drawing import amount, between, coins, either_way
from darkroom.augment.options import Amount, Chance, SignalToNoise
from darkroom.registry import register

BEND = 700 / 8000
"""The mel scale's transition from linear to logarithmic, as a fraction of the highest frequency: that of sound at 16 kHz."""
WINDOW, HOP = 512, 128
"""The phase vocoder's frames in samples."""


@register("batch transform", "spec_augment")
class SpecAugment:
    """Mask bands of frequencies and stretches of time, and warp time (SpecAugment, Park et al. 2019)."""

    TAKES = ("audio",)

    def __init__(
        self,
        *,
        bands: Annotated[int, Field(ge=0, le=10, description="number of frequency masks")] = 2,
        band: Annotated[
            float,
            Field(ge=0, le=0.5, description="maximum width of a frequency mask, as a fraction of the mel scale"),
            Amount("frequency_mask"),
        ] = 0.15,
        gaps: Annotated[int, Field(ge=0, le=10, description="number of time masks")] = 2,
        gap: Annotated[
            float,
            Field(ge=0, le=0.5, description="maximum width of a time mask, as a fraction of the length"),
            Amount("time_mask"),
        ] = 0.1,
        warp: Annotated[
            float,
            Field(
                ge=0, le=0.2, description="maximum distance that the warp moves a point, as a fraction of the length"
            ),
            Amount("time_warp"),
        ] = 0.05,
        p: Chance = 0.8,
    ) -> None:
        self.bands, self.band, self.gaps, self.gap, self.warp, self.p = bands, band, gaps, gap, warp, p

    def __call__(
        self, waves: Tensor, targets: Tensor, strength: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        count = len(waves)
        chosen = coins(self.p, count, draws) & (strength > 0)
        point = between(0.25, 0.75, count, draws)
        moved = either_way(amount(self.warp, strength, high=0.2), draws)
        bands = _intervals(self.bands, amount(self.band, strength, high=0.5), draws)
        gaps = _intervals(self.gaps, amount(self.gap, strength, high=0.5), draws)

        def mask(part: Tensor, point: Tensor, moved: Tensor, bands: Tensor, gaps: Tensor) -> Tensor:
            warped = time_warp(part, point, moved) if self.warp else part
            return without_gaps(without_bands(warped, bands), gaps).clamp(-1, 1)

        return changed(waves, chosen, mask, point, moved, bands, gaps), targets


@register("batch transform", "noise")
class Noise:
    """Add white noise at a random signal-to-noise ratio to each recording."""

    TAKES = ("audio",)

    def __init__(self, *, snr: SignalToNoise = 10.0, p: Chance = 0.5) -> None:
        self.snr, self.p = snr, p

    def __call__(
        self, waves: Tensor, targets: Tensor, strength: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        chosen = coins(self.p, len(waves), draws) & (strength > 0)
        loudest = amount(self.snr, strength, neutral=60.0, low=-20.0, high=60.0)
        ratio = between(loudest, 60.0, len(waves), draws)
        noise = torch.randn(waves.shape, generator=draws)

        def add(part: Tensor, ratio: Tensor, noise: Tensor) -> Tensor:
            level = part.square().mean(1).sqrt() * 10 ** (-ratio / 20)
            return (part + level[:, None] * noise).clamp(-1, 1)

        return changed(waves, chosen, add, ratio, noise), targets


def changed(waves: Tensor, chosen: Tensor, how: Callable[..., Tensor], *amounts: Tensor) -> Tensor:
    """Return the waveforms with the chosen ones (B,) replaced by `how(waves, *amounts)`; `waves` is not modified."""
    rows = chosen.nonzero()[:, 0]
    if not len(rows):
        return waves
    here = rows.to(waves.device)
    made = waves.clone()
    made[here] = how(waves[here], *(given[rows].to(waves.device) for given in amounts))
    return made


def without_bands(waves: Tensor, bands: Tensor) -> Tensor:
    """Filter out the bands of frequencies between `bands` (B, n, 2), fractions of the mel scale."""
    if not bands.shape[1]:
        return waves
    spectrum = torch.fft.rfft(waves)
    place = (1 + torch.linspace(0, 1, spectrum.shape[1], device=waves.device) / BEND).log() / math.log(1 + 1 / BEND)
    kept: Tensor = torch.fft.irfft(spectrum * _outside(place, bands), n=waves.shape[1])
    return kept


def without_gaps(waves: Tensor, gaps: Tensor) -> Tensor:
    """Silence the stretches of time between `gaps` (B, n, 2), fractions of the length."""
    if not gaps.shape[1]:
        return waves
    return waves * _outside(torch.linspace(0, 1, waves.shape[1], device=waves.device), gaps)


def time_warp(waves: Tensor, point: Tensor, moved: Tensor) -> Tensor:
    """Move what is at `point` by `moved`, fractions of the length (B,), stretching one side and compressing the other.

    A phase vocoder (Flanagan & Golden 1966): magnitudes are interpolated between frames, and phases advance by the source's
    own frequencies. Recordings shorter than a frame are returned as they are.
    """
    length = waves.shape[1]
    if length < WINDOW:
        return waves
    window = torch.hann_window(WINDOW, device=waves.device)
    spectrum = torch.stft(waves, WINDOW, HOP, window=window, return_complex=True)  # (B, F, N)
    magnitude, phase, last = spectrum.abs(), spectrum.angle(), spectrum.shape[2] - 1
    time = torch.linspace(0, 1, last + 1, device=waves.device)[None]
    point, target = point[:, None], (point + moved)[:, None]
    source = torch.where(time < target, time * point / target, 1 - (1 - time) * (1 - point) / (1 - target)) * last
    before = source.floor().clamp(0, last - 1).long()[:, None].expand_as(spectrum)  # (B, F, N)
    share = source[:, None] - before
    loudness = torch.lerp(magnitude.gather(2, before), magnitude.gather(2, before + 1), share)
    expected = 2 * math.pi * HOP / WINDOW * torch.arange(spectrum.shape[1], device=waves.device)[:, None]
    deviation = phase.gather(2, before + 1) - phase.gather(2, before) - expected
    advance = expected + deviation - 2 * math.pi * (deviation / (2 * math.pi)).round()
    angle = phase[:, :, :1] + torch.cat([torch.zeros_like(advance[:, :, :1]), advance[:, :, :-1].cumsum(2)], 2)
    warped: Tensor = torch.istft(torch.polar(loudness, angle), WINDOW, HOP, window=window, length=length)
    return warped


def _intervals(number: int, widest: Tensor, draws: torch.Generator) -> Tensor:
    """Draw intervals (B, number, 2) inside 0 to 1, of uniform width up to each recording's widest (B,)."""
    width, place = torch.rand(2, len(widest), number, generator=draws)
    width = width * widest[:, None]
    start = place * (1 - width)
    return torch.stack([start, start + width], 2)


def _outside(place: Tensor, intervals: Tensor) -> Tensor:
    """Return 0 where a place (L,) is inside one of the intervals (B, n, 2), else 1: (B, L)."""
    inside = (place >= intervals[:, :, :1]) & (place < intervals[:, :, 1:])
    return (~inside.any(1)).float()
