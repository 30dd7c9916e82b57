"""Choose a config for recordings, texts or rows of a table, and say what was seen of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from darkroom.config import kinds
from darkroom.data import sound
from darkroom.data.item import UnreadableError
from darkroom.data.kind import PLURAL, SINGULAR
from darkroom.data.layout_contents import listed
from darkroom.data.words import shown
from darkroom.init import choose, words
from darkroom.init.choose import Choice
from darkroom.init.scene import Listed

HEADERS = 1000
"""Recordings whose header is read."""


def check(scene: Listed, path: str) -> None:
    """Raise ValueError if there is nothing to classify or detect."""
    if scene.found.contents.target is None and len(scene.classes) < 2:
        what, count = PLURAL[scene.kind], len(scene.classes)
        raise ValueError(
            f"{path}: {scene.images:,} {what} in {count} {'class' if count == 1 else 'classes'}; expected two or more, as "
            "folders or in a column"
        )


def choices(scene: Listed, *, name: str) -> list[Choice]:
    """Return the keys of a config in order."""
    found = [Choice("name", name), Choice("data.source", scene.found.source, _why_source(scene))]
    if scene.anomaly_set:
        (normal,) = scene.trained
        detectors = kinds.DEFAULTS[scene.kind].get("detect")
        if detectors:
            return [
                *found,
                Choice("detect.normal", normal, f"every training {SINGULAR[scene.kind]} belongs to this class"),
            ]
    return [*found, *choose.splits(scene), *_policy(scene), *_models(scene)]


def seen(scene: Listed) -> Iterator[words.Fact]:
    """Yield a label and a phrase for what was found."""
    contents = scene.found.contents
    yield "source", f"{scene.found.source['name']}: {PLURAL[scene.kind]}"
    yield from (("", remark) for remark in (*contents.warnings, *contents.notes))
    if scene.classes:
        yield "classes", words.classes(scene.classes)
    if contents.target is not None:
        yield "numbers", listed(list(contents.target.names), 5)
    yield from words.splits(scene)
    if scene.groups:
        yield "groups", f"{scene.groups:,}; the {PLURAL[scene.kind]} of each stay in one split"
    if scene.other_files:
        examples = listed([shown(unused.origin, 60) for unused in contents.unused], 3)
        yield "ignored", f"{len(contents.unused):,}: {'; '.join(scene.other_files)} ({examples})"
    if scene.kind == "audio":
        yield from _sounds(scene)
    if scene.kind == "text":
        yield from _texts(scene)


def _sounds(scene: Listed) -> Iterator[words.Fact]:
    """Say how long the recordings are, and of which rate. Raises ValueError if none is readable."""
    found, bad = [], []
    for item in scene.found.contents.items[:: max(1, scene.images // HEADERS)]:
        try:
            found.append(sound.header(item.image))  # type: ignore[arg-type]
        except UnreadableError as error:
            bad.append(f"{shown(item.origin, 60)} ({error})")
    if not found:
        raise ValueError(f"none of {len(bad):,} recordings is readable; {bad[0]}")
    seconds = np.array([about.seconds for about in found])
    rates = sorted({about.rate for about in found})
    shortest, longest, typical = (_rounded(x) for x in (seconds.min(), seconds.max(), np.median(seconds)))
    lengths = f"{shortest} to {longest} s, typically {typical} s"
    yield "length", f"{lengths} of {len(found):,} recordings; {listed([f'{rate:,} Hz' for rate in rates], 4)}"
    if bad:
        yield "unreadable", f"{len(bad):,} of {len(found) + len(bad):,}: {listed(bad, 3)}; the run skips and lists them"


def _rounded(seconds: float) -> str:
    return f"{seconds:.3g}" if seconds < 1000 else f"{seconds:,.0f}"


def _texts(scene: Listed) -> Iterator[words.Fact]:
    texts = [item.text for item in scene.found.contents.items if item.text is not None]
    if texts:
        counts = np.array([len(text.split()) for text in texts])
        yield "length", f"{counts.min()} to {counts.max():,} words, typically {np.median(counts):.0f}"
        copies = len(texts) - len(set(texts))
        repeat = "no text repeats" if not copies else "1 repeats" if copies == 1 else f"{copies:,} repeat"
        yield "duplicates", f"{repeat} an earlier one; the run keeps copies and near-duplicates in one split"


def _why_source(scene: Listed) -> str:
    source = scene.found.source
    if "names" in source:
        return f"the file names read label, group and number; the {PLURAL[scene.kind]} of one group stay in one split"
    if source["name"] == "table":
        what = "numbers" if "numbers" in source else "target"
        words = f"{what}: the column to predict; check that it is the one you mean"
        if ids := list(source.get("columns", {})):
            has, are = ("has", "is") if len(ids) == 1 else ("have", "are")
            words += f"; columns: {listed(ids, 5)} {has} another value in every row, as ids have, and {are} left out"
        return words
    return ""


def _policy(scene: Listed) -> Iterator[Choice]:
    if scene.kind == "audio":
        why = "masks stretches of time and bands of frequencies (SpecAugment), which keeps what most recordings say"
        yield Choice("augment.standard.online", ["spec_augment"], why)
    if not scene.trained:
        return
    largest, smallest = max(scene.trained.values()), min(scene.trained.values())
    if largest >= choose.RARE * smallest:
        why = f"the largest class has {largest / smallest:.0f} times as many {PLURAL[scene.kind]} as the smallest"
        name = "standard" if scene.kind == "audio" else "weighted"
        yield Choice(f"augment.{name}.imbalance", "class_weights", f"weighs rare classes more in the loss: {why}")


def _models(scene: Listed) -> Iterator[Choice]:
    names = dict(kinds.DEFAULTS[scene.kind]["classify"]["models"])
    if scene.found.contents.target is not None:
        names = {"table_mlp": {}}
        yield Choice("classify.models.table_mlp", {}, "the network of tables that predicts numbers")
        return
    reasons = {
        "spectrogram": "an image network on log-mel spectrograms",
        "ngrams": "words and pairs of words with logistic regression: seconds, and hard to beat",
        "textcnn": "a convolutional network on word vectors, to compare with",
        "gradient_boosting": "usually the best of tables, in seconds",
        "logistic_regression": "the simplest baseline",
        "table_mlp": "a small network, to compare with",
    }
    for name in names:
        yield Choice(f"classify.models.{name}", {}, reasons.get(name, ""))
