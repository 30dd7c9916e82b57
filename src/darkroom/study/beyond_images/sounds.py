"""Sounds of three instruments by formula: a plucked string, a struck bar, an organ pipe; and noise to hear them in."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.data.store import Store
from darkroom.randomness import derive

Wave = NDArray[np.float64]
Instrument = Callable[[float, np.random.Generator, int], Wave]
RATE, LENGTH = 8000, 4000
"""Sampling rate in hertz, and samples of a sound."""
ONSET = 400
"""Silent samples before a sound."""
INSTRUMENTS = ("plucked string", "struck bar", "organ pipe")
LOWEST, HIGHEST = 110, 440
"""Pitches in hertz."""
BAR = (1.0, 2.756, 5.404, 8.933)
"""Frequencies of a free bar's vibrations, relative to the lowest (Fletcher & Rossing, The Physics of Musical Instruments)."""


def plucked(pitch: float, draws: np.random.Generator, samples: int) -> Wave:
    """Return a string by the algorithm of Karplus & Strong (1983): noise in a loop that averages neighbors."""
    from scipy.signal import lfilter

    period = max(2, round(RATE / pitch - 0.5))
    burst = np.zeros(samples)
    burst[:period] = draws.uniform(-1, 1, min(period, samples))
    feedback = np.zeros(period + 2)
    feedback[0], feedback[period:] = 1.0, -0.5
    found: Wave = lfilter([1.0], feedback, burst)
    return found


def struck(pitch: float, draws: np.random.Generator, samples: int) -> Wave:
    """Return a bar: inharmonic partials, the higher the sooner silent."""
    time = np.arange(samples) / RATE
    decay, loudness = draws.uniform(3, 8), draws.uniform(0.3, 1, len(BAR))
    partials = [
        loud * np.exp(-decay * math.sqrt(ratio) * time) * np.sin(2 * np.pi * pitch * ratio * time)
        for ratio, loud in zip(BAR, loudness, strict=True)
        if pitch * ratio < RATE / 2
    ]
    return np.asarray(sum(partials), np.float64)


def blown(pitch: float, draws: np.random.Generator, samples: int) -> Wave:
    """Return an organ pipe: harmonics that rise within 50 ms and fade slowly, as the other two do."""
    time = np.arange(samples) / RATE
    harmonics = np.arange(1, int(RATE / 2 / pitch) + 1)
    loudness = draws.uniform(0.3, 1, len(harmonics)) / harmonics
    tone = loudness @ np.sin(2 * np.pi * pitch * harmonics[:, None] * time)
    return np.asarray(tone * np.minimum(time / 0.05, 1) * np.exp(-draws.uniform(1, 4) * time), np.float64)


def sounds(count: int, *, seed: int, name: str, snr: float | None = None, shift: float = 0.0) -> Store:
    """Draw `count` sounds of each instrument, at peaks from 0.3 to 0.9 of full scale, as a store of recordings.

    With a signal-to-noise ratio in decibels, pink noise is added; `shift` is the largest delay, as a fraction of the length.
    Raises ValueError for a count below 1.
    """
    if count < 1:
        raise ValueError(f"{count} sounds of each instrument; expected at least 1")
    draws = np.random.default_rng(derive(seed, name))
    made = [_recorded(make, draws, snr=snr, shift=shift) for make in (plucked, struck, blown) for _ in range(count)]
    labels = np.repeat(np.arange(len(INSTRUMENTS)), count)
    items = pd.DataFrame(
        {"id": [str(n) for n in range(len(labels))], "label": labels, "split": "train", "group": range(len(labels))}
    ).assign(mask=-1)
    samples = np.rint(np.clip(np.stack(made), -1, 1 - 2**-15) * 2**15).astype(np.int16)
    return Store(name, INSTRUMENTS, samples, items, kind="audio", sizes=(LENGTH, RATE))


def pink(samples: int, draws: np.random.Generator) -> Wave:
    """Draw noise whose power falls with frequency, 3 dB per octave, of root mean square 1."""
    spectrum = np.fft.rfft(draws.standard_normal(samples))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, n=samples)
    return np.asarray(noise / math.sqrt(float(np.square(noise).mean())), np.float64)


def _recorded(make: Instrument, draws: np.random.Generator, *, snr: float | None, shift: float) -> Wave:
    pitch = LOWEST * (HIGHEST / LOWEST) ** draws.random()
    delay = ONSET + int(shift * LENGTH * draws.random())
    wave = np.zeros(LENGTH)
    wave[delay:] = make(pitch, draws, LENGTH - delay)
    wave *= draws.uniform(0.3, 0.9) / np.abs(wave).max()
    noise = pink(LENGTH, draws)  # drawn in any case: the sounds of a seed are the same in any noise
    if snr is None:
        return wave
    return wave + math.sqrt(float(np.square(wave).mean())) * 10 ** (-snr / 20) * noise
