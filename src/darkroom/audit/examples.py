"""Examples of the transforms and classes that lose the most labels: samples before and after, in the form of their kind.

images        examples.png
recordings    examples.png, their spectrograms; clips.json and clip-N.wav, the first example of each line to listen to
texts         examples.json: pairs of texts
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom import files
from darkroom.audit.evidence import Subject
from darkroom.audit.figures import LINE, BeforeAfter, draw_examples
from darkroom.audit.steps import Change, Setting, Step, alone, steps
from darkroom.augment.classes import PerClass
from darkroom.data import sound_pictures
from darkroom.data.store import Store
from darkroom.fit.batches import as_samples

LINES = 6
"""Maximum lines of examples."""


@dataclass(frozen=True)
class Example:
    """A sample before and after a transform, as the store holds them, its label, and the prediction after it."""

    id: str
    before: NDArray[Any]
    after: NDArray[Any]
    label: str
    answer: str


@dataclass(frozen=True)
class Line:
    """Examples of one transform at one strength and one class."""

    title: str
    step: Step
    strength: float
    examples: Sequence[Example]


def choose(result: Mapping[str, Any], subjects: Sequence[Subject], settings: PerClass, setting: Setting) -> list[Line]:
    """Choose examples of the transforms and classes that lose the most labels, dropped and weakened ones first.

    Takes only samples that are classified correctly without the transform.
    """
    ruled = {"drop": 0, "weaken": 1}
    titles = {step["key"]: step["title"] for step in result["steps"]}
    found = [
        (ruled.get(entry["verdict"], 2), -entry["numbers"]["loss"]["value"], key, name)
        for key, row in result["cells"].items()
        for name, entry in row.items()
        if entry["numbers"] and entry["numbers"]["loss"]["value"] > 0
    ]
    listed = {step.key: step for step in steps(setting.spec.policy)}
    lines = []
    known = {subject.aspect.name: subject for subject in subjects}
    for _, _, key, name in sorted(found)[:LINES]:
        strength = settings.strength(known[name].aspect.label, listed[key].name)
        change = alone(listed[key], strength, setting.copying, seed=setting.spec.seed)
        examples = _examples(known[name], change)
        lines.append(Line(f"{titles[key]}, {name}", listed[key], strength, examples))
    return lines


def write(folder: Path, lines: Sequence[Line], store: Store) -> None:
    """Write examples of images or recordings; those of texts are in `text_examples`."""
    shown = _spectrogram if store.kind == "audio" else np.asarray
    drawn = [
        (line.title, [BeforeAfter(shown(e.before), shown(e.after), e.label, e.answer) for e in line.examples])
        for line in lines
    ]
    draw_examples(drawn, folder / "examples.png")
    if store.kind == "audio":
        _write_clips(folder, lines, store.shape[1])


def _examples(found: Subject, change: Change) -> list[Example]:
    examples: list[Example] = []
    aspect = found.aspect
    for part, clean in zip(found.parts, found.clean, strict=True):
        changed = change(part.samples, part.ids, 0)
        answers = aspect.answers(part.judge.look(changed)[0].astype(np.float64))
        right = aspect.right(answers, clean.true, part.judge.own)
        for row in np.flatnonzero(~right & (clean.right > 0))[:LINE].tolist():
            after = as_samples(changed[row : row + 1], part.samples.dtype)[0]
            label, answer = aspect.word(clean.true[row]), aspect.word(answers[row])
            examples.append(Example(part.ids[row], np.asarray(part.samples[row]), after, label, answer))
    return examples[:LINE]


def _spectrogram(wave: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Return a waveform's spectrogram as a picture (H, W, 3), low frequencies at the bottom."""
    from matplotlib import colormaps

    values = 1 + sound_pictures.spectrogram(wave) / sound_pictures.RANGE
    picture: NDArray[np.uint8] = colormaps["magma"](values[::-1].clip(0, 1), bytes=True)[..., :3]
    return picture


def _write_clips(folder: Path, lines: Sequence[Line], rate: int) -> None:
    """Write the first example of each line as sound, before and after the transform."""
    clips = []
    for number, line in enumerate(line for line in lines if line.examples):
        first = line.examples[0]
        for when, wave in (("before", first.before), ("after", first.after)):
            clips.append({"class": line.title, "id": f"{first.id}, {when}", "file": f"clip-{number}-{when}.wav"})
            sound_pictures.write_clip(folder / str(clips[-1]["file"]), wave, rate)
    files.write_json(folder / "clips.json", clips)
