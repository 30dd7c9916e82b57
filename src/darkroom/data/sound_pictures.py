"""Draw recordings of a data card: spectrograms of examples, and short clips to listen to."""

from __future__ import annotations

import wave
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from darkroom import figures, files
from darkroom.data.store import Store
from darkroom.data.words import shown

EXAMPLES = 6
"""Spectrograms per class."""
CLIPS = 12
"""Classes with a clip."""
LONGEST = 3.0
"""Seconds of a clip."""
FRAMES, BINS = 160, 128
"""Largest width and height of a spectrogram."""
RANGE = 80.0
"""Decibels below the loudest value that are drawn."""


def draw(root: Path, store: Store, rows: Mapping[str, NDArray[np.int64]]) -> None:
    """Write spectrograms.png, and clips.json with the clip of one recording of each class; `rows` lists them by class."""
    rate = store.shape[1]
    columns = min(EXAMPLES, max(len(members) for members in rows.values()))
    drawn = Figure(figsize=(1.15 * columns + 1.0, 0.75 * len(rows) + 0.3), layout="constrained")
    grid = drawn.subplots(len(rows), columns, squeeze=False)
    for line, (name, members) in zip(grid, rows.items(), strict=True):
        for axes in line:
            axes.set_axis_off()
        places = np.linspace(0, len(members) - 1, min(columns, len(members))).round().astype(int)
        for axes, row in zip(line, members[places].tolist(), strict=False):
            axes.imshow(
                spectrogram(store.samples[row]), origin="lower", aspect="auto", cmap="magma", vmin=-RANGE, vmax=0
            )
        line[0].text(-0.08, 0.5, shown(name, 16), ha="right", va="center", fontsize=8, transform=line[0].transAxes)
    drawn.supxlabel(f"{store.shape[0] / rate:.3g} s; 0 to {rate / 2000:g} kHz", fontsize=8)
    figures.save(drawn, root / "spectrograms.png")
    clips = []
    for number, (name, members) in enumerate(list(rows.items())[:CLIPS]):
        row = int(members[len(members) // 2])
        clips.append({"class": name, "id": str(store.items["id"].iloc[row]), "file": f"clip-{number}.wav"})
        write_clip(root / f"clip-{number}.wav", store.samples[row], rate)
    files.write_json(root / "clips.json", clips)


def spectrogram(wave: NDArray[np.int16]) -> NDArray[np.float32]:
    """Return decibels relative to the loudest value (bins, frames), lowest frequency first."""
    window = 2 * BINS
    padded = np.pad(wave.astype(np.float32), (0, max(0, window - len(wave))))
    hop = max(1, (len(padded) - window) // (FRAMES - 1))
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(window).astype(np.float32))))[:, :BINS].T
    decibels = 10 * np.log10(np.maximum(power, 1e-3))
    return np.asarray(decibels - decibels.max(), np.float32)


def write_clip(path: Path, samples: NDArray[np.int16], rate: int) -> None:
    """Write the start of a waveform (T,) as a WAV file."""
    samples = samples[: int(LONGEST * rate)]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.ascontiguousarray(samples, dtype="<i2").tobytes())
