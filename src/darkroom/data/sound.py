"""Decode sound files to one waveform: mixed down, resampled, cut or padded to one length, in bounded memory.

Only the part that is kept is decoded, block by block, so that a recording of hours costs no more than one of seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from darkroom.data.item import UnreadableError

EXTRA = "pip install 'darkroom[audio]'"
"""Installs soundfile and audiomentations."""
FORMATS = ("WAV", "WAVEX", "RF64", "W64", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF")
"""The formats that are read, as libsndfile names them. Left out: those without a signature."""
ENDINGS = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".au", ".caf", ".w64")
NO_SOUND = "not a sound file in a supported format (wav, flac, ogg, mp3, aiff)"
RATES = (1_000, 768_000)
"""Sampling rates in hertz outside of which a header is not believed."""
BLOCK = 65_536
"""Frames to decode at a time."""
FULL = 32_768
"""The 16-bit value of full scale."""
SILENT = 10 ** (-60 / 20)
"""Peak, relative to full scale, below which a recording is silent: -60 dB."""
CLIPPED_RUN = 3
"""Consecutive samples at full scale that count as clipping; one alone may be a peak that was normalized to it."""
MARGIN = 0.05
"""Seconds to decode on both sides of the kept part, so that the resampling filter does not see an edge there."""

Align = Literal["start", "center"]
Channel = Literal["mix", "left", "right"]


@dataclass(frozen=True)
class Header:
    """What a file says of itself before its samples are decoded."""

    frames: int
    rate: int
    channels: int

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.frames / self.rate


@dataclass(frozen=True, eq=False)
class Recording:
    """A decoded recording: its waveform (T,) int16 and what was found in it."""

    waveform: NDArray[np.int16]
    header: Header
    silent: bool
    clipped: bool


def header(path: Path) -> Header:
    """Read a file's header. Raises UnreadableError with the reason."""
    with _opened(path) as file:
        return _header(file)


def decode(
    path: Path,
    *,
    rate: int,
    samples: int | None = None,
    longest: int | None = None,
    align: Align = "center",
    channel: Channel = "mix",
) -> Recording:
    """Decode a file to `samples` samples at `rate` hertz, or to its own length, up to `longest` samples.

    A longer recording is cut and a shorter one padded with silence, keeping its start or center. Resampling is polyphase,
    with SciPy's default filter (Kaiser window, beta 5). Raises UnreadableError with the reason.
    """
    with _opened(path) as file:
        about = _header(file)
        own = math.ceil(about.frames * rate / about.rate)
        length = min(own, longest or own) if samples is None else samples
        first, last = _kept(about, length / rate, align)
        start, stop = max(0, first - _margin(about)), min(about.frames, last + _margin(about))
        raw = _mixed(file, start, stop, channel)
    if not len(raw):
        raise UnreadableError("holds no samples")
    if not np.isfinite(raw).all():
        raise UnreadableError("holds values that are not finite")
    skipped = round((first - start) * rate / about.rate)
    wave = _resampled(raw, about.rate, rate)[skipped:]
    kept = raw[first - start : last - start]
    return Recording(
        _fitted(_as_int16(wave), length, align),
        about,
        silent=bool(np.abs(kept).max(initial=0.0) < SILENT),
        clipped=_is_clipped(kept),
    )


def _opened(path: Path) -> Any:
    """Open a file. Raises UnreadableError with the reason, and ValueError if soundfile is not installed."""
    if find_spec("soundfile") is None:
        raise ValueError(f"soundfile, which reads sound files, is not installed; {EXTRA} installs it")
    import soundfile

    try:
        if not path.stat().st_size:
            raise UnreadableError("the file is empty")
        file = soundfile.SoundFile(path)
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror or error}") from None
    except (soundfile.LibsndfileError, TypeError):  # TypeError: a headerless format, by its extension
        raise UnreadableError(NO_SOUND) from None
    if file.format not in FORMATS:
        file.close()
        raise UnreadableError(NO_SOUND)
    return file


def _header(file: Any) -> Header:
    low, high = RATES
    if not low <= file.samplerate <= high:
        raise UnreadableError(f"its sampling rate is {file.samplerate:,} Hz; expected {low:,} to {high:,}")
    if file.frames <= 0:
        raise UnreadableError("holds no samples")
    return Header(int(file.frames), int(file.samplerate), int(file.channels))


def _margin(about: Header) -> int:
    return math.ceil(MARGIN * about.rate)


def _kept(about: Header, seconds: float, align: Align) -> tuple[int, int]:
    """Return the first frame to keep and the one after the last."""
    wanted = min(about.frames, math.ceil(seconds * about.rate))
    first = (about.frames - wanted) // 2 if align == "center" else 0
    return first, first + wanted


def _mixed(file: Any, start: int, stop: int, channel: Channel) -> NDArray[np.float32]:
    """Decode frames `start` to `stop` of one channel, or of their mean."""
    import soundfile

    found = np.empty(stop - start, np.float32)
    done = 0
    try:
        file.seek(start)
        while done < len(found):
            block = file.read(min(BLOCK, len(found) - done), dtype="float32", always_2d=True)
            if not len(block):
                break  # a truncated file ends before its header says
            found[done : done + len(block)] = block.mean(1) if channel == "mix" else _one(block, channel)
            done += len(block)
    except soundfile.LibsndfileError as error:
        if not done:
            raise UnreadableError(f"cannot be decoded: {error.error_string}") from None
    return found[:done]


def _one(block: NDArray[np.float32], channel: Channel) -> NDArray[np.float32]:
    """Return one channel (n,) of decoded frames (n, C)."""
    return block[:, 1 if channel == "right" and block.shape[1] > 1 else 0]


def _resampled(wave: NDArray[np.float32], rate: int, wanted: int) -> NDArray[np.float32]:
    if rate == wanted:
        return wave
    from scipy.signal import resample_poly

    common = math.gcd(rate, wanted)
    return np.asarray(resample_poly(wave, wanted // common, rate // common), np.float32)


def _as_int16(wave: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.clip(np.rint(wave * FULL), -FULL, FULL - 1).astype(np.int16)


def _fitted(wave: NDArray[np.int16], length: int, align: Align) -> NDArray[np.int16]:
    """Cut or pad the end, or with `center` both ends, to a length."""
    wave = wave[:length]
    before = (length - len(wave)) // 2 if align == "center" else 0
    return np.pad(wave, (before, length - len(wave) - before))


def _is_clipped(wave: NDArray[np.float32]) -> bool:
    """Return whether several consecutive samples have the value of full scale."""
    full = (np.abs(wave) >= (FULL - 1) / FULL).astype(np.int8)
    runs = np.convolve(full, np.ones(CLIPPED_RUN, np.int8), "valid") if len(full) >= CLIPPED_RUN else full[:0]
    return bool((runs == CLIPPED_RUN).any())
