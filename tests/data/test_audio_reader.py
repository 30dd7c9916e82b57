"""Recordings become a store: one rate and length, speakers apart, and everything odd listed by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darkroom import log
from darkroom.data import card, incoming
from darkroom.data.config import CardSpec

soundfile = pytest.importorskip("soundfile")
Run = Callable[..., Any]


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    """A folder with four recordings of two words by each of four speakers, at 8 kHz, a fifth of a second long."""
    root = tmp_path / "set"
    root.mkdir()
    generator = np.random.default_rng(0)
    for speaker in ("ann", "bo", "cy", "di"):
        for word in ("yes", "no"):
            for number in range(4):
                soundfile.write(root / f"{word}_{speaker}_{number}.wav", generator.normal(size=1600) / 10, 8000)
    return root


def source(root: Path, **more: Any) -> dict[str, Any]:
    return {"name": "audio_folder", "path": str(root), "names": "{label}_{group}_{}", **more}


def test_recordings_of_one_length_and_rate_stay_as_they_are_and_speakers_stay_apart(run: Run, spoken: Path) -> None:
    got = run(source(spoken), split={"val": 0.25, "test": 0.25})
    assert (got.store.kind, got.store.shape, got.store.classes) == ("audio", (1600, 8000), ("no", "yes"))
    wave, _ = soundfile.read(spoken / "no_ann_0.wav", dtype="int16")
    assert np.array_equal(got.image("no_ann_0.wav"), wave)
    speakers: dict[str, set[str]] = {}
    for id_, row in got.by_id.items():
        speakers.setdefault(row["split"], set()).add(id_.split("_")[1])
    assert sum(len(found) for found in speakers.values()) == 4
    assert got.card["size"] == "0.2 s at 8,000 Hz"
    assert got.card["warnings"] == []


def test_one_speaker_can_be_left_out(run: Run, spoken: Path) -> None:
    got = run(source(spoken), split={"method": "leave_one_group_out", "group": "bo"})
    assert {id_.split("_")[1] for id_, row in got.by_id.items() if row["split"] == "test"} == {"bo"}


def test_what_is_odd_is_listed_and_what_cannot_be_read_is_left_out(run: Run, spoken: Path) -> None:
    (spoken / "yes_text_0.wav").write_text("just text")
    (spoken / "yes_empty_0.wav").write_bytes(b"")
    soundfile.write(spoken / "yes_nothing_0.wav", np.empty(0), 8000)
    soundfile.write(spoken / "yes_quiet_0.wav", np.zeros(1600), 8000)
    soundfile.write(spoken / "yes_loud_0.wav", np.ones(1600), 8000)
    soundfile.write(spoken / "yes_fast_0.wav", np.zeros(3200) + 0.1, 16000)
    soundfile.write(spoken / "yes_nan_0.wav", np.full(1600, np.nan), 8000, subtype="FLOAT")
    with soundfile.SoundFile(spoken / "yes_hours_0.wav", "w", 8000, 1) as file:
        for _ in range(180):
            file.write(np.full(60 * 8000, 1000, np.int16))
    got = run(source(spoken))
    assert got.store.shape == (80_000, 8000)
    assert got.excluded == {
        "yes_text_0.wav": "not a sound file in a supported format (wav, flac, ogg, mp3, aiff)",
        "yes_empty_0.wav": "the file is empty",
        "yes_nothing_0.wav": "holds no samples",
        "yes_nan_0.wav": "holds values that are not finite",
    }
    for text in (
        "cannot be used, listed in excluded.csv: 4",
        'silent recordings: 1: "yes_quiet_0.wav"',
        'clipped recordings: 1: "yes_loud_0.wav"',
        'longer than 10 s, of which the middle is used: 1: "yes_hours_0.wav"',
        "resampled to 8,000 Hz: 1 of 16,000 Hz",
    ):
        assert got.warned(text), (text, got.card["warnings"])
    assert len(got.store.samples) == len(got.store.items) == 32 + 4


@pytest.mark.parametrize("content", [b"", b"text"])
def test_a_source_without_a_readable_recording_is_one_line(run: Run, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "set" / "a").mkdir(parents=True)
    (tmp_path / "set" / "a" / "x.wav").write_bytes(content)
    with pytest.raises(ValueError, match=r"none of its 1 files is a readable recording; 'a/x\.wav'"):
        run({"name": "audio_folder", "path": str(tmp_path / "set")})


def test_the_data_card_draws_spectrograms_and_holds_a_clip_of_each_class(
    run: Run, spoken: Path, tmp_path: Path
) -> None:
    got = run(source(spoken))
    card.run(CardSpec(), data=got.root, out=tmp_path / "card", log=log.silent)
    clips = json.loads((tmp_path / "card" / "clips.json").read_text())
    assert [clip["class"] for clip in clips] == ["no", "yes"]
    wave, rate = soundfile.read(tmp_path / "card" / clips[0]["file"], dtype="int16")
    assert rate == 8000
    assert np.array_equal(wave, got.image(clips[0]["id"]))
    assert (tmp_path / "card" / "spectrograms.png").stat().st_size > 1000


def test_recordings_that_arrive_later_are_prepared_in_the_same_way(run: Run, spoken: Path, tmp_path: Path) -> None:
    got = run(source(spoken, rate=4000, seconds=0.1))
    preparation = incoming.read_preparation(got.root)
    late = incoming.read("x", spoken / "no_ann_0.wav", preparation)
    assert np.array_equal(incoming.prepared([late.image], preparation)[0], got.image("no_ann_0.wav"))
    soundfile.write(tmp_path / "quiet.wav", np.zeros(800), 8000)
    (tmp_path / "text.wav").write_text("text")
    notes = [incoming.read("x", tmp_path / name, preparation).note for name in ("quiet.wav", "text.wav")]
    assert notes == ["silent", "not a sound file in a supported format (wav, flac, ogg, mp3, aiff)"]
