"""Read recordings: decode to one rate and length, and list what is silent, clipped or cut."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.data import cut, inspect, twins
from darkroom.data.item import Contents, Item, UnreadableError, Unused
from darkroom.data.kind import SampleKind, Shape
from darkroom.data.reader import Read, nothing
from darkroom.data.sound import Align, Channel, Header, header
from darkroom.data.sound_preparation import SoundPreparation
from darkroom.data.store import new_array
from darkroom.data.words import listed

LONGEST = 10.0
"""Seconds that recordings are cut to if the source does not say, unless all are shorter."""


class AudioReader:
    """Reads recordings; `samples.npy` is written while they are decoded."""

    kind: SampleKind = "audio"

    def __init__(self, *, rate: int | None, seconds: float | None, align: Align, channel: Channel) -> None:
        self.rate, self.seconds, self.align, self.channel = rate, seconds, align, channel

    def read(self, contents: Contents, root: Path) -> Read:
        """Decode every item and write it to `samples.npy`. Raises ValueError if none is readable."""
        read = Read(excluded=list(contents.unused), warnings=list(contents.warnings))
        found = self._headers(contents, read)
        if not found:
            raise ValueError(nothing(contents, read.excluded, "recording"))
        rates = Counter(about.rate for _, _, about in found)
        rate = self.rate or min(rates, key=lambda rate: (-rates[rate], rate))
        longest = max(about.seconds for _, _, about in found)
        samples = max(1, round((self.seconds or min(longest, LONGEST)) * rate))
        self.preparation = SoundPreparation(rate, samples, self.align, self.channel)
        wave = new_array(root / "samples.npy", (len(found), samples), np.int16)
        odd: dict[str, list[str]] = {"silent": [], "clipped": [], "cut": []}
        for item, path, about in found:
            try:
                made = self.preparation.recording(path)
            except UnreadableError as problem:
                read.excluded.append(Unused(item.origin or item.id, str(problem)))
                continue
            wave[len(read.items)] = made.waveform
            read.items.append(item)
            read.fingerprints.append(inspect.fingerprint(made.waveform))
            for name, holds in (("silent", made.silent), ("clipped", made.clipped), ("cut", self._is_cut(about))):
                if holds:
                    odd[name].append(item.id)
        if not read.items:
            raise ValueError(nothing(contents, read.excluded, "recording"))
        wave.flush()  # type: ignore[attr-defined]
        if len(read.items) < len(found):
            cut.keep_rows(root / "samples.npy", np.arange(len(read.items)))
        read.warnings += self._remarks(contents, read, odd, rates)
        return read

    def twins(self, root: Path, rows: NDArray[np.int64]) -> twins.Twins:
        """Return that there are no near-duplicates: recordings have exact copies alone."""
        return twins.NONE

    def finish(self, root: Path, table: pd.DataFrame) -> Shape:
        """Save how new recordings are prepared in the same way; return (samples, rate)."""
        self.preparation.save(root)
        return self.preparation.samples, self.preparation.rate

    def describe(self) -> str:
        """Return the length and the sampling rate."""
        return f"{self.preparation.samples / self.preparation.rate:.3g} s at {self.preparation.rate:,} Hz"

    def _headers(self, contents: Contents, read: Read) -> list[tuple[Item, Path, Header]]:
        """Return the items whose header can be read; the others are listed."""
        found = []
        for item in contents.items:
            assert isinstance(item.image, Path)
            try:
                found.append((item, item.image, header(item.image)))
            except UnreadableError as problem:
                read.excluded.append(Unused(item.origin or item.id, str(problem)))
        return found

    def _is_cut(self, about: Header) -> bool:
        return about.seconds > (self.preparation.samples + 1) / self.preparation.rate

    def _remarks(self, contents: Contents, read: Read, odd: dict[str, list[str]], rates: Counter[int]) -> list[str]:
        """Return the warnings about recordings that are unreadable, silent, clipped, cut or resampled."""
        named = {item.origin or item.id for item in contents.items}
        seconds = f"{self.preparation.samples / self.preparation.rate:.3g} s"
        part = "middle" if self.align == "center" else "start"
        lists = {
            "recordings that cannot be used, listed in excluded.csv": [
                u.origin for u in read.excluded if u.origin in named
            ],
            "silent recordings": odd["silent"],
            "clipped recordings": odd["clipped"],
            f"recordings longer than {seconds}, of which the {part} is used": odd["cut"],
        }
        found = [f"{words}: {len(ids)}: {listed(ids)}" for words, ids in lists.items() if ids]
        if other := {rate: count for rate, count in sorted(rates.items()) if rate != self.preparation.rate}:
            counts = ", ".join(f"{count} of {rate:,} Hz" for rate, count in other.items())
            found.append(f"recordings resampled to {self.preparation.rate:,} Hz: {counts}")
        return found
