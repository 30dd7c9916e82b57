"""What transforms do to texts, for people to read: texts before and after, and the negations that were added or lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from darkroom import files
from darkroom.audit.evidence import Subject, right
from darkroom.audit.examples import Line
from darkroom.audit.steps import Setting, Step, offline, steps
from darkroom.augment.makers.text import TextCopier
from darkroom.data.store import Store
from darkroom.data.text.coder import read_coder
from darkroom.fit.batches import as_tensor
from darkroom.measure.negation import negations
from darkroom.measure.proportion import wilson

NO_TEXTS = "no text that the classifiers recognize"


def write(folder: Path, lines: Sequence[Line], store: Store, setting: Setting, *, data: Path) -> None:
    """Write `examples.json`: lines of texts before and after.

    After an offline transform it is the copy's text, else the words of its tokens.
    """
    coder = read_coder(data)
    known = dict(zip(store.items["id"], store.items["text"], strict=True))
    found = []
    for line in lines:
        ids = [one.id for one in line.examples]
        if line.step.part == "offline":
            copies = _copier(line.step, line.strength, setting).texts(ids, 0)
            pairs = [(known[name], copy) for name, copy in zip(ids, copies, strict=True)]
        else:
            pairs = [(coder.words(one.before), coder.words(one.after)) for one in line.examples]
        examples = [
            {"before": before, "after": after, "label": one.label, "answer": one.answer}
            for (before, after), one in zip(pairs, line.examples, strict=True)
        ]
        found.append({"title": line.title, "examples": examples})
    files.write_json(folder / "examples.json", found)


def measure_negations(
    setting: Setting, store: Store, subjects: Sequence[Subject], result: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return how often each offline transform changes a text's number of negations, and whether such copies keep their label.

    `result` has the strengths. `changed` is the share of texts, `kept` the share of those that keep their label, and `others`
    that of all others; each counts the first copy of the texts that are classified correctly without the transform, with its
    95 % interval.
    """
    found = {}
    for step in steps(setting.spec.policy):
        if step.part == "offline":
            row = result["cells"][step.key]
            strengths = {name: entry["strength"] for name, entry in row.items() if entry["strength"]}
            found[step.key] = _negations(step, strengths, subjects, store, setting)
    return found


def _negations(
    step: Step, strengths: Mapping[str, float], subjects: Sequence[Subject], store: Store, setting: Setting
) -> dict[str, Any]:
    known = dict(zip(store.items["id"], store.items["text"], strict=True))
    negated, kept = [], []
    for found in subjects:
        if not found.images or found.aspect.name not in strengths:
            continue
        copier = _copier(step, strengths[found.aspect.name], setting)
        for part, clean in zip(found.parts, found.clean, strict=True):
            copies = copier.texts(part.ids, 0)
            hits = right(part, found.aspect, as_tensor(copier(part.samples, part.ids, 0))) > 0
            other = np.array([negations(known[i]) != negations(c) for i, c in zip(part.ids, copies, strict=True)])
            negated.append(other[clean.right > 0])
            kept.append(hits[clean.right > 0])
    changed, same = np.concatenate([*negated, np.empty(0, bool)]), np.concatenate([*kept, np.empty(0, bool)])
    return {
        "changed": wilson(int(changed.sum()), len(changed), reason=NO_TEXTS),
        "kept": wilson(int(same[changed].sum()), int(changed.sum()), reason=NO_TEXTS),
        "others": wilson(int(same[~changed].sum()), int((~changed).sum()), reason=NO_TEXTS),
    }


def _copier(step: Step, strength: float, setting: Setting) -> TextCopier:
    return cast(TextCopier, offline(step, strength, setting.copying, seed=setting.spec.seed))
