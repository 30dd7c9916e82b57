"""Every transform of waveforms: reproducible by seed, item and copy, and doing what it says."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from darkroom import registry

soundfile = pytest.importorskip("soundfile")
pytest.importorskip("audiomentations")

from darkroom.augment.sound_pipeline import SoundPipeline  # noqa: E402

RATE = 16000
NAMES = ["background_noise", "gain", "high_pass", "low_pass", "pitch_shift", "room", "time_shift", "time_stretch"]


def pipeline(name: str, seed: int = 0, **options: Any) -> SoundPipeline:
    chosen = registry.options("transform", name).model_validate({"name": name, "p": 1.0, **options})
    return SoundPipeline([chosen], RATE, seed=seed)


def tone(hertz: float = 440.0, level: float = 0.3) -> NDArray[np.int16]:
    return np.asarray(32768 * level * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE), np.int16)


def burst(place: float = 0.5) -> NDArray[np.int16]:
    return np.asarray(tone(1000) * np.exp(-(((np.arange(RATE) / RATE - place) / 0.05) ** 2)), np.int16)


def center(wave: NDArray[np.int16]) -> float:
    energy = wave.astype(float) ** 2
    return float((energy * np.arange(len(wave))).sum() / energy.sum()) / RATE


def pitch(wave: NDArray[np.int16]) -> float:
    return float(np.abs(np.fft.rfft(wave.astype(float) * np.hanning(len(wave)))).argmax())


def decibels(wave: NDArray[Any]) -> float:
    return float(10 * np.log10(np.mean(wave.astype(float) ** 2)))


@pytest.mark.parametrize("name", NAMES)
def test_a_draw_depends_on_seed_item_and_copy_alone(name: str) -> None:
    wave, before = burst(), burst()
    made = pipeline(name).draw(wave, item="a", copy=0)
    random.seed(1)
    state = random.getstate()
    again = pipeline(name)
    again.draw(wave, item="b", copy=0)
    repeated = again.draw(wave, item="a", copy=0)
    assert made.waveform.dtype == np.int16
    assert made.waveform.shape == wave.shape
    assert np.array_equal(made.waveform, repeated.waveform)
    assert made.applied == repeated.applied
    assert random.getstate() == state
    assert np.array_equal(wave, before)
    assert not np.array_equal(made.waveform, again.draw(wave, item="a", copy=1).waveform)
    assert not np.array_equal(made.waveform, pipeline(name, seed=1).draw(wave, item="a", copy=0).waveform)


@pytest.mark.parametrize("name", NAMES)
def test_silence_stays_finite_and_a_transform_not_applied_changes_nothing(name: str) -> None:
    assert not pipeline(name).draw(np.zeros(RATE, np.int16), item="a", copy=0).waveform.any()
    kept = pipeline(name, p=0.0).draw(burst(), item="a", copy=0)
    assert np.array_equal(kept.waveform, burst())
    assert kept.applied == "[]"


def test_a_stretch_changes_the_speed_and_keeps_the_pitch() -> None:
    made = pipeline("time_stretch", by=0.4).draw(burst(0.4), item="a", copy=0)
    (applied,) = json.loads(made.applied)
    assert abs(applied["rate"] - 1) > 0.02
    assert center(made.waveform) == pytest.approx(0.4 / applied["rate"], abs=0.02)
    assert pitch(made.waveform) == pytest.approx(1000, abs=15)


def test_a_pitch_shift_multiplies_frequencies_and_keeps_the_speed() -> None:
    made = pipeline("pitch_shift", semitones=6.0).draw(burst(), item="a", copy=0)
    (applied,) = json.loads(made.applied)
    assert center(made.waveform) == pytest.approx(0.5, abs=0.02)
    assert pitch(made.waveform) == pytest.approx(1000 * 2 ** (applied["num_semitones"] / 12), rel=0.02)


def test_a_shift_moves_and_a_gain_amplifies() -> None:
    made = pipeline("time_shift", by=0.2).draw(burst(), item="a", copy=0)
    assert center(made.waveform) == pytest.approx(0.5 + json.loads(made.applied)[0]["shift_amount"], abs=0.005)
    made = pipeline("gain", decibels=6.0).draw(burst(), item="a", copy=0)
    change = 20 * np.log10(json.loads(made.applied)[0]["amplitude_ratio"])
    assert decibels(made.waveform) - decibels(burst()) == pytest.approx(change, abs=0.01)


@pytest.mark.parametrize("color", ["white", "pink", "brown"])
def test_synthetic_noise_has_its_ratio_and_its_slope(color: str) -> None:
    wave = tone(level=0.02)
    made = pipeline("background_noise", color=color, snr=0.0).draw(wave, item="a", copy=3)
    noise = made.waveform.astype(float) - wave
    (applied,) = json.loads(made.applied)
    assert decibels(wave) - decibels(noise) == pytest.approx(applied["snr"], abs=0.2)
    power = np.abs(np.fft.rfft(noise)) ** 2
    octave = 10 * np.log10(power[1000:2000].mean() / power[2000:4000].mean())
    assert octave == pytest.approx({"white": 0.0, "pink": 3.0, "brown": 6.0}[color], abs=0.7)


def test_noise_comes_from_a_folder_at_any_rate_and_length(tmp_path: Path) -> None:
    time = np.arange(4410) / 44100
    soundfile.write(tmp_path / "hum.flac", 0.5 * np.sin(2 * np.pi * 3000 * time), 44100)
    made = pipeline("background_noise", folder=str(tmp_path), snr=0.0).draw(tone(), item="a", copy=0)
    assert json.loads(made.applied)[0]["file"] == "hum.flac"
    assert pitch((made.waveform - tone()).astype(np.int16)) == pytest.approx(3000, abs=2)
    with pytest.raises(ValueError, match="contains no sound files"):
        pipeline("background_noise", folder=str(tmp_path / "none"))
    (tmp_path / "hum.flac").write_bytes(b"text")
    with pytest.raises(ValueError, match=r"hum\.flac: not a sound file"):
        pipeline("background_noise", folder=str(tmp_path)).draw(tone(), item="a", copy=0)


def test_a_room_falls_by_60_decibels_in_its_reverberation_time_and_keeps_the_loudness() -> None:
    click = np.zeros(RATE, np.int16)
    click[0] = 32000
    made = pipeline("room", seconds=0.8).draw(click, item="a", copy=0)
    (applied,) = json.loads(made.applied)
    echo, half = made.waveform[1:].astype(float), int(applied["seconds"] / 3 * RATE)
    fallen = decibels(echo[:400]) - decibels(echo[half : half + 400])
    assert fallen == pytest.approx(20, abs=2)
    assert decibels(made.waveform) == pytest.approx(decibels(click), abs=0.1)


def test_filters_remove_their_side_of_the_spectrum() -> None:
    for name, kept, lost in (("low_pass", 0.05, 0.97), ("high_pass", 0.9, 0.001)):
        made = {
            share: decibels(pipeline(name, cutoff=0.5).draw(tone(share * RATE / 2), item="a", copy=0).waveform)
            - decibels(tone(share * RATE / 2))
            for share in (kept, lost)
        }
        assert made[kept] > -1.5
        assert made[lost] < -3
