"""Transforms that move a recording elsewhere: background noise and rooms."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from audiomentations.core.transforms_interface import BaseWaveformTransform
from numpy.typing import NDArray
from pydantic import Field
from scipy.signal import fftconvolve

from darkroom import files
from darkroom.augment.options import Amount, Chance, SignalToNoise
from darkroom.data.item import UnreadableError
from darkroom.data.sound import ENDINGS, decode
from darkroom.registry import register
from darkroom.settings import Positive

LONGEST = 60
"""Seconds of a noise file that are used."""
SLOPE = {"white": 0.0, "pink": 0.5, "brown": 1.0}
"""Exponents of 1/f of the amplitudes: 0, 3 and 6 decibels per octave."""


@register("transform", "background_noise")
class BackgroundNoise(BaseWaveformTransform):
    """Add noise at a random signal-to-noise ratio: a random part of a file in a folder, or synthetic."""

    TAKES = ("audio",)

    def __init__(
        self,
        *,
        folder: Annotated[
            str | None, Field(description="local folder of sound files; the first minute of each is used")
        ] = None,
        color: Annotated[
            Literal["white", "pink", "brown"], Field(description="spectrum of synthetic noise, without a folder")
        ] = "pink",
        snr: SignalToNoise = 10.0,
        p: Chance = 0.5,
    ) -> None:
        super().__init__(p)
        self.folder, self.color, self.snr = folder, color, snr
        self.files = _sounds(files.local(folder) or Path(folder)) if folder else []
        self._decoded: dict[int, NDArray[np.float64]] = {}

    def randomize_parameters(self, samples: NDArray[np.float32], sample_rate: int) -> None:
        """Draw the ratio, and the file and where it starts."""
        super().randomize_parameters(samples, sample_rate)
        if self.parameters["should_apply"]:
            self.parameters |= {"snr": random.uniform(self.snr, 60.0), "noise": random.getrandbits(64)}
            if self.files:
                file = random.randrange(len(self.files))
                self.parameters |= {"file": self.files[file].name, "number": file, "start": random.random()}

    def apply(self, samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        """Add the noise to a waveform (T,); silence stays silent."""
        noise = self._part(len(samples), sample_rate) if self.files else self._synthetic(len(samples))
        level = _loudness(samples) * 10 ** (-self.parameters["snr"] / 20) / max(_loudness(noise), 1e-9)
        return np.asarray(samples + level * noise, np.float32)

    def _synthetic(self, length: int) -> NDArray[np.float64]:
        """Draw noise (length,) whose amplitudes fall as 1 / f^slope."""
        generator = np.random.default_rng(self.parameters["noise"])
        spectrum = np.fft.rfft(generator.normal(size=length))
        spectrum /= np.maximum(np.arange(len(spectrum)), 1) ** SLOPE[self.color]
        return np.fft.irfft(spectrum, n=length)

    def _part(self, length: int, rate: int) -> NDArray[np.float64]:
        """Return a part of the drawn file, repeated if it is too short."""
        number = self.parameters["number"]
        if number not in self._decoded:
            path = self.files[number]
            try:
                sound = decode(path, rate=rate, longest=LONGEST * rate, align="start").waveform
            except UnreadableError as problem:
                raise ValueError(f"background_noise.folder: {path}: {problem}; remove the file") from None
            self._decoded[number] = sound.astype(np.float64)
        whole = np.resize(self._decoded[number], max(length, len(self._decoded[number])))
        start = int(self.parameters["start"] * (len(whole) - length + 1))
        return np.asarray(whole[start : start + length])


@register("transform", "room")
class Room(BaseWaveformTransform):
    """Add the reverberation of a random room: exponentially decaying noise as impulse response (Polack 1988)."""

    TAKES = ("audio",)

    def __init__(
        self,
        *,
        seconds: Annotated[
            Positive,
            Field(le=5, description="maximum reverberation time: until the echo falls by 60 decibels"),
            Amount("room"),
        ] = 0.4,
        p: Chance = 0.3,
    ) -> None:
        super().__init__(p)
        self.seconds = seconds

    def randomize_parameters(self, samples: NDArray[np.float32], sample_rate: int) -> None:
        """Draw the reverberation time and how much weaker the echo's energy is than the direct sound's, in decibels."""
        super().randomize_parameters(samples, sample_rate)
        if self.parameters["should_apply"]:
            self.parameters["seconds"] = random.uniform(self.seconds / 4, self.seconds)
            self.parameters |= {"direct": random.uniform(0.0, 12.0), "noise": random.getrandbits(64)}

    def apply(self, samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        """Add the echo to a waveform (T,), at the same loudness; what follows its end is cut off."""
        seconds, direct = self.parameters["seconds"], self.parameters["direct"]
        time = np.arange(1, max(2, int(seconds * sample_rate))) / sample_rate
        generator = np.random.default_rng(self.parameters["noise"])
        echo = generator.normal(size=len(time)) * 10 ** (-3 * time / seconds)
        echo *= 10 ** (-direct / 20) / np.sqrt(np.square(echo).sum())
        heard = fftconvolve(samples, np.concatenate([[1.0], echo]))[: len(samples)]
        return np.asarray(heard * (_loudness(samples) / max(_loudness(heard), 1e-9)), np.float32)


def _loudness(wave: NDArray[Any]) -> float:
    """Return the root mean square."""
    return float(np.sqrt(np.mean(np.square(wave, dtype=np.float64)))) if len(wave) else 0.0


def _sounds(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS) if folder.is_dir() else []
    if not found:
        raise ValueError(f"background_noise.folder: {folder} contains no sound files ({', '.join(ENDINGS)})")
    return found
