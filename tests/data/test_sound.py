"""Sound files of any rate, channels and length become one waveform; what cannot be used says why."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from darkroom.data.item import UnreadableError
from darkroom.data.sound import decode, header

soundfile = pytest.importorskip("soundfile")


def tone(rate: int, seconds: float = 1.0, hertz: float = 440.0, level: float = 0.5) -> NDArray[np.float64]:
    return level * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


def written(path: Path, wave: NDArray[np.float64], rate: int, **how: str) -> Path:
    soundfile.write(path, wave, rate, **how)
    return path


def test_16_bit_samples_at_the_wanted_rate_stay_as_they_are(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(-32768, 32767, 4000).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", samples, 8000)
    assert np.array_equal(decode(tmp_path / "a.wav", rate=8000).waveform, samples)


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("rate", [8000, 11025, 44100])
def test_every_format_and_rate_resamples_to_the_same_tone(ending: str, rate: int, tmp_path: Path) -> None:
    found = decode(written(tmp_path / f"a.{ending}", tone(rate), rate), rate=16000, samples=16000, align="start")
    power = np.abs(np.fft.rfft(found.waveform[2000:-2000] * np.hanning(12000)))
    assert abs(power.argmax() * 16000 / 12000 - 440) < 2
    assert np.abs(found.waveform[2000:-2000]).max() == pytest.approx(16384, rel=0.1)


def test_resampling_equals_the_tone_sampled_at_the_other_rate_and_removes_what_it_cannot_hold(tmp_path: Path) -> None:
    found = decode(written(tmp_path / "a.wav", tone(44100), 44100, subtype="FLOAT"), rate=8000)
    np.testing.assert_allclose(found.waveform[200:-200] / 32768, tone(8000)[200:-200], atol=2e-3)
    found = decode(written(tmp_path / "b.wav", tone(44100, hertz=6000.0), 44100), rate=8000)
    assert np.abs(found.waveform[400:-400]).max() < 100


def test_cutting_before_resampling_changes_nothing(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(size=3 * 44100).clip(-3, 3) / 4
    path = written(tmp_path / "a.wav", noise, 44100, subtype="FLOAT")
    whole = decode(path, rate=16000).waveform
    assert np.abs(decode(path, rate=16000, samples=8000, align="start").waveform - whole[:8000]).max() <= 1
    middle = decode(path, rate=16000, samples=16000).waveform
    assert np.abs(middle - whole[16000:32000]).max() <= 1


def test_short_recordings_are_padded_at_the_end_or_on_both_sides(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", np.full(100, 0.25), 8000)
    for align, first in (("start", 0), ("center", 50)):
        wave = decode(path, rate=8000, samples=200, align=align).waveform
        assert np.flatnonzero(wave).tolist() == list(range(first, first + 100))


def test_channels_are_averaged_or_picked(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", np.stack([np.full(100, 0.5), np.full(100, 0.25)], 1), 8000)
    found = {c: int(decode(path, rate=8000, channel=c).waveform[50]) for c in ("mix", "left", "right")}
    assert found == {"mix": 12288, "left": 16384, "right": 8192}


def test_silence_and_clipping_are_noticed(tmp_path: Path) -> None:
    loud = decode(written(tmp_path / "a.wav", (4 * tone(8000)).clip(-1, 1), 8000), rate=8000)
    quiet = decode(written(tmp_path / "b.wav", tone(8000, level=0.0005), 8000), rate=8000)
    plain = decode(written(tmp_path / "c.wav", tone(8000), 8000), rate=8000)
    assert [(r.clipped, r.silent) for r in (loud, quiet, plain)] == [(True, False), (False, True), (False, False)]


def test_a_recording_of_three_hours_costs_no_more_memory_than_its_cut(tmp_path: Path) -> None:
    with soundfile.SoundFile(tmp_path / "a.wav", "w", 8000, 2) as file:
        for _ in range(180):
            file.write(np.zeros((60 * 8000, 2), np.int16))
    signal.firwin(3, 0.5)  # its import takes memory, too
    tracemalloc.start()
    found = decode(tmp_path / "a.wav", rate=4000, samples=8000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.header.seconds == 3 * 3600
    assert peak < 4_000_000


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.wav", b"", "empty"),
        ("a.wav", b"just text\n" * 50, "not a sound file"),
        ("a.raw", bytes(1000), "not a sound file"),
        ("a.mp3", bytes(1000), "not a sound file"),
    ],
)
def test_what_is_no_sound_says_so(name: str, content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableError, match=reason):
        header(tmp_path / name)


def test_no_samples_and_values_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="no samples"):
        decode(written(tmp_path / "a.wav", np.empty(0), 8000), rate=8000)
    with pytest.raises(UnreadableError, match="not finite"):
        decode(written(tmp_path / "b.wav", np.full(100, np.nan), 8000, subtype="FLOAT"), rate=8000)


def test_a_truncated_file_keeps_what_it_has(tmp_path: Path) -> None:
    path = written(tmp_path / "a.wav", tone(8000), 8000)
    path.write_bytes(path.read_bytes()[:4044])
    wave = decode(path, rate=8000, samples=8000, align="start").waveform
    assert np.abs(wave[:1900]).max() > 16000
    assert not wave[2000:].any()
