"""SpecAugment and noise on waveforms: what they mask, where they move sounds, and how loud noise is."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from darkroom.augment.batch.sound import Noise, SpecAugment, time_warp, without_bands, without_gaps
from darkroom.augment.sound_views import TimeCrop, TimeShift
from darkroom.nets.log_mel import LogMel

RATE = 16000


def tone(hertz: float, length: int = RATE) -> Tensor:
    return 0.3 * torch.sin(2 * math.pi * hertz * torch.arange(length) / RATE)


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_masked_band_is_silent_in_the_spectrogram_and_the_rest_stays() -> None:
    noise = torch.randn(1, RATE, generator=draws()) / 5
    layer = LogMel(RATE, window=512, hop=160, mels=40)
    before, after = layer.decibels(noise)[0], layer.decibels(without_bands(noise, torch.tensor([[[0.4, 0.6]]])))[0]
    fallen = (before - after).median(1).values
    assert (fallen[16:24] > 40).sum() >= 5
    assert (fallen[:14].abs() < 1).all()
    assert (fallen[27:].abs() < 1).all()


def test_a_masked_gap_is_silent_and_the_rest_stays_bit_for_bit() -> None:
    wave = tone(440)[None]
    masked = without_gaps(wave, torch.tensor([[[0.25, 0.5]]]))[0]
    assert not masked[4000:8000].any()
    assert torch.equal(masked[:4000], wave[0, :4000])
    assert torch.equal(masked[8001:], wave[0, 8001:])


@pytest.mark.parametrize("moved", [-0.1, 0.0, 0.1])
def test_a_warp_moves_a_sound_and_keeps_its_pitch(moved: float) -> None:
    burst = tone(1000) * torch.exp(-(((torch.arange(RATE) / RATE - 0.5) / 0.05) ** 2))
    warped = time_warp(burst[None], torch.tensor([0.5]), torch.tensor([moved]))[0]
    energy = warped.square()
    center = float((energy * torch.arange(RATE)).sum() / energy.sum()) / RATE
    assert center == pytest.approx(0.5 + moved, abs=0.02)
    assert int(torch.fft.rfft(warped).abs().argmax()) == pytest.approx(1000, abs=6)


def test_no_warp_reconstructs_the_waveform() -> None:
    waves = torch.randn(2, 4000, generator=draws()) / 5
    warped = time_warp(waves, torch.full((2,), 0.5), torch.zeros(2))
    torch.testing.assert_close(warped, waves, atol=1e-3, rtol=0)


def test_noise_has_the_ratio_drawn_between_the_minimum_and_60_decibels() -> None:
    waves = tone(440).repeat(200, 1)
    noisy, _ = Noise(snr=10.0, p=1.0)(waves, torch.eye(200), torch.ones(200), draws())
    ratio = 10 * (waves.square().mean(1) / (noisy - waves).square().mean(1)).log10()
    assert ratio.min() > 9.5
    assert ratio.max() < 60.5
    assert float(ratio.mean()) == pytest.approx(35, abs=3)


@pytest.mark.parametrize("transform", [SpecAugment(p=1.0), Noise(p=1.0)], ids=["spec_augment", "noise"])
def test_draws_repeat_with_the_seed_and_one_strength_never_affects_other_recordings(transform: SpecAugment) -> None:
    waves = torch.randn(4, 4000, generator=draws()) / 5
    before = waves.clone()
    strength = torch.ones(4)
    first, _ = transform(waves, torch.eye(4), strength, draws())
    again, _ = transform(waves, torch.eye(4), strength, draws())
    other, _ = transform(waves, torch.eye(4), torch.tensor([0.0, 1.0, 1.0, 1.0]), draws())
    assert torch.equal(waves, before)
    assert torch.equal(first, again)
    assert torch.equal(other[0], waves[0])
    torch.testing.assert_close(other[1:], first[1:])
    assert not torch.equal(first[0], waves[0])
    assert first.abs().max() <= 1


def test_views_shift_and_crop_as_they_say() -> None:
    waves = torch.arange(1.0, 11.0)[None]
    later, earlier = TimeShift(by=0.2)(waves)
    assert later[0].tolist() == [0, 0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert earlier[0].tolist() == [3, 4, 5, 6, 7, 8, 9, 10, 0, 0]
    crops = [view[0].tolist() for view in TimeCrop(share=0.6)(waves)]
    assert crops == [[0, 0, *range(first, first + 6), 0, 0] for first in (1, 3, 5)]
