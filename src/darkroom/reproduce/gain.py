"""The job `reproduce gain`: what augmented copies bring to classifiers of few texts, as Wei & Zou 2019 measure it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.augment.text.pipeline import TextPipeline
from darkroom.classify.train import train
from darkroom.data.store import Store, labeled
from darkroom.data.text import tokens
from darkroom.data.text.options import Tokenization
from darkroom.log import Log, silent
from darkroom.reproduce import contents, results
from darkroom.reproduce.classify import accuracy, prepared, trainings
from darkroom.reproduce.config import GainSpec
from darkroom.settings import Section

WORDS = Tokenization(unit="word", vocabulary=20_000, rare=1, length=None, lowercase=True)
ROOM = 5
"""Words by which a copy may be longer than the longest training text."""


def run(spec: GainSpec, *, out: Path, log: Log) -> None:
    """Write the gain in test accuracy of every model for each seed, which draws a stratified subset of the training texts."""
    contents.check(spec)
    with tempfile.TemporaryDirectory() as root:
        store = prepared(spec, Path(root), 0)
    found: dict[str, list[float]] = {}
    for seed in spec.seeds:
        for name, (plain, augmented) in pairs(spec, store, seed).items():
            found.setdefault(name, []).append(augmented - plain)
    results.write(found, out, tested=len(labeled(store, "test")), kind="gain", log=log)


def pairs(spec: GainSpec, store: Store, seed: int) -> dict[str, tuple[float, float]]:
    """Return the test accuracy of every model without and with copies, on one subset of the training texts."""
    from sklearn.model_selection import train_test_split

    pool = labeled(store, "train")
    chosen = train_test_split(pool, train_size=spec.texts, stratify=store.labels[pool], random_state=seed)[0]
    some, copies = few(store, np.sort(chosen), spec.transform, copies=spec.copies, seed=seed)
    rows, test = np.arange(spec.texts), np.arange(spec.texts, len(some.items))
    found = {}
    for name, own in trainings(spec, seed).items():
        networks = (train(own, some, rows, held_out=rows[:0], copies=made, log=silent)[0] for made in (None, copies))
        plain, augmented = (accuracy(network, some, test) for network in networks)
        found[name] = plain, augmented
    return found


def few(store: Store, chosen: NDArray[np.int64], transform: Section, *, copies: int, seed: int) -> tuple[Store, Store]:
    """Return a store of the chosen texts and the test split, with a vocabulary of the former, and the copies of these."""
    rows = np.concatenate([chosen, labeled(store, "test")])
    items = store.items.iloc[rows].reset_index(drop=True)
    texts = items["text"].tolist()
    tokenizer = tokens.train(texts[: len(chosen)], WORDS)
    numbers = tokens.encode(tokenizer, texts)
    length = max(len(own) for own in numbers[: len(chosen)]) + ROOM

    def made(table: pd.DataFrame, own: Sequence[NDArray[np.int32]]) -> Store:
        sizes = (length, tokenizer.get_vocab_size())
        return Store("few", store.classes, tokens.padded(own, length), table, kind="text", sizes=sizes)

    parents = pd.concat([items.iloc[: len(chosen)]] * copies, ignore_index=True)
    drawn = TextPipeline([transform], seed=seed).draw(
        parents["text"].tolist(),
        items=parents["id"].tolist(),
        copies=np.repeat(np.arange(copies), len(chosen)).tolist(),
    )
    copied = parents.assign(parent=parents["id"], text=drawn.texts)
    return made(items, numbers), made(copied, tokens.encode(tokenizer, drawn.texts))
