"""How a store's recordings were decoded, so that new ones are prepared in exactly the same way."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from darkroom import files
from darkroom.data.sound import Align, Channel, Recording, decode
from darkroom.data.store import PREPARATION


@dataclass(frozen=True)
class SoundPreparation:
    """What `data prepare` did to every recording: `samples` samples at `rate` hertz."""

    rate: int
    samples: int
    align: Align
    channel: Channel

    def recording(self, path: Path) -> Recording:
        """Decode a file like those of the data set. Raises UnreadableSoundError with the reason."""
        return decode(path, rate=self.rate, samples=self.samples, align=self.align, channel=self.channel)

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
