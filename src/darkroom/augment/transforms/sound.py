"""Transforms of waveforms: speed, pitch, place, loudness, filters. audiomentations draws and applies them."""

from __future__ import annotations

from typing import Annotated

import audiomentations
from pydantic import Field

from darkroom.augment.options import Amount, Chance
from darkroom.registry import register


@register("transform", "time_stretch")
class TimeStretch(audiomentations.TimeStretch):
    """Change the speed and keep the pitch."""

    TAKES = ("audio",)

    def __init__(
        self,
        *,
        by: Annotated[
            float,
            # beyond a factor of 2, the library draws phases that no seed reproduces
            Field(
                gt=0, le=0.9, description="0.2 draws speeds from 1/1.2 to 1.2; the end is cut or padded with silence"
            ),
            Amount("time_stretch"),
        ] = 0.2,
        p: Chance = 0.5,
    ) -> None:
        super().__init__(min_rate=1 / (1 + by), max_rate=1 + by, p=p)


@register("transform", "pitch_shift")
class PitchShift(audiomentations.PitchShift):
    """Change the pitch and keep the speed."""

    TAKES = ("audio",)

    def __init__(
        self,
        *,
        semitones: Annotated[
            float, Field(gt=0, le=12, description="maximum shift in semitones, up or down"), Amount("pitch_shift")
        ] = 2.0,
        p: Chance = 0.5,
    ) -> None:
        super().__init__(min_semitones=-semitones, max_semitones=semitones, p=p)


@register("transform", "time_shift")
class TimeShift(audiomentations.Shift):
    """Shift in time; what leaves at one end is lost, and silence enters at the other."""

    TAKES = ("audio",)

    def __init__(
        self,
        *,
        by: Annotated[
            float, Field(gt=0, lt=1, description="maximum shift as a fraction of the length"), Amount("time_shift")
        ] = 0.1,
        p: Chance = 0.5,
    ) -> None:
        super().__init__(min_shift=-by, max_shift=by, rollover=False, p=p)


@register("transform", "gain")
class Gain(audiomentations.Gain):
    """Change the loudness; peaks beyond full scale are clipped."""

    TAKES = ("audio",)

    def __init__(
        self,
        *,
        decibels: Annotated[
            float, Field(gt=0, le=40, description="maximum change in decibels, up or down"), Amount("gain")
        ] = 6.0,
        p: Chance = 0.5,
    ) -> None:
        super().__init__(min_gain_db=-decibels, max_gain_db=decibels, p=p)


@register("transform", "low_pass")
class LowPass(audiomentations.LowPassFilter):
    """Remove high frequencies, as a telephone does."""

    TAKES = ("audio",)

    def __init__(
        self,
        rate: int,
        *,
        cutoff: Annotated[
            float,
            Field(gt=0, lt=1, description="minimum cutoff as a fraction of the highest frequency, drawn up to 0.98"),
            Amount("low_pass", neutral=1.0),
        ] = 0.4,
        p: Chance = 0.3,
    ) -> None:
        half = rate / 2
        super().__init__(min_cutoff_freq=min(cutoff, 0.98) * half, max_cutoff_freq=0.98 * half, zero_phase=True, p=p)


@register("transform", "high_pass")
class HighPass(audiomentations.HighPassFilter):
    """Remove low frequencies, as a small loudspeaker does."""

    TAKES = ("audio",)

    def __init__(
        self,
        rate: int,
        *,
        cutoff: Annotated[
            float,
            Field(
                gt=0, lt=1, description="maximum cutoff as a fraction of the highest frequency; the minimum is 20 Hz"
            ),
            Amount("high_pass"),
        ] = 0.1,
        p: Chance = 0.3,
    ) -> None:
        super().__init__(min_cutoff_freq=20, max_cutoff_freq=max(20.0, cutoff * rate / 2), zero_phase=True, p=p)
