"""How a store's recordings were decoded, so that new ones are prepared in exactly the same way."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom import files
from darkroom.data.sound import FULL, SILENT, Align, Channel, Recording, decode
from darkroom.data.store import PREPARATION


@dataclass(frozen=True)
class SoundPreparation:
    """What `data prepare` did to every recording: `samples` samples at `rate` hertz."""

    rate: int
    samples: int
    align: Align
    channel: Channel

    def recording(self, path: Path) -> Recording:
        """Decode a file like those of the data set. Raises UnreadableError with the reason."""
        return decode(path, rate=self.rate, samples=self.samples, align=self.align, channel=self.channel)

    def decode(self, path: Path) -> NDArray[np.int16]:
        """Decode a file to a waveform (T,) like those of the data set. Raises UnreadableError with the reason."""
        return self.recording(path).waveform

    def apply(self, wave: NDArray[Any]) -> NDArray[Any]:
        """Return a decoded waveform, which has the data set's length already."""
        return wave

    def remark(self, wave: NDArray[Any]) -> str:
        """Return a note on a waveform without a sound; empty for all others."""
        return "" if np.abs(wave.astype(np.int32)).max() >= SILENT * FULL else "silent"

    def lay_back(self, values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
        """Return a map of a recording's spectrogram, which is as large as that."""
        return values

    def save(self, folder: Path) -> None:
        """Save to a stage's folder."""
        files.write_json(folder / PREPARATION, asdict(self))


def read_sound_preparation(folder: Path) -> SoundPreparation:
    """Read the preparation in a stage's folder. Raises FileNotFoundError if there is none."""
    path = folder / PREPARATION
    if not path.exists():
        raise FileNotFoundError(f"{folder} does not say how its recordings were prepared: there is no {PREPARATION}")
    found: dict[str, Any] = files.read_json(path)
    return SoundPreparation(**found)
