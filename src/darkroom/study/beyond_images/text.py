"""Copies of sentences by EDA: what each of its operations does to one, and whether they help a linear classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from darkroom.augment.text.eda import EDA, Deletion, Insertion, Swap, Synonyms
from darkroom.augment.text.pipeline import TextPipeline
from darkroom.nets.ngrams import Ngrams
from darkroom.randomness import derive
from darkroom.registry import chosen
from darkroom.settings import Section
from darkroom.study.beyond_images.sentences import LIBRARIES, Corpus, numbered

WAYS = ("alone", "repeated", "EDA")
"""Training sentences alone, with unchanged copies of them, and with copies by EDA."""
TRIES = 100
"""Draws for the example, until one changes it; a deletion may not."""


class Hits(NamedTuple):
    """The share of test sentences that are classified correctly, and the words that training sentences hold."""

    accuracy: float
    words: int


def compared(
    corpus: Corpus, *, training: int, tested: int, copies: int, share: float, wordnet: str, seed: int
) -> dict[str, Hits]:
    """Train n-grams on sentences with equal numbers of each library, in each of the `WAYS`, and test on others.

    With repetitions and with EDA there are `copies` of each sentence, of equal weight: copies also weaken the penalty on
    weights, and repetitions do nothing else.
    """
    first, second = divided(corpus.labels, training, tested, seed=seed)
    texts = [corpus.texts[row] for row in first]
    eda = TextPipeline([chosen(EDA, share=share, wordnet=wordnet)], seed=derive(seed, "copies"))
    items, numbers = [str(row) for row in first] * copies, np.repeat(np.arange(copies), len(first)).tolist()
    added = {
        "alone": [],
        "repeated": texts * copies,
        "EDA": eda.draw(texts * copies, items=items, copies=numbers).texts,
    }
    return {
        way: judged(
            [*texts, *added[way]],
            np.tile(corpus.labels[first], 1 + len(added[way]) // len(texts)),
            [corpus.texts[row] for row in second],
            corpus.labels[second],
        )
        for way in WAYS
    }


def divided(
    labels: NDArray[np.int64], training: int, tested: int, *, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw rows to train on and others to test on, with equal numbers of each class."""
    draws = np.random.default_rng(derive(seed, "sentences"))
    kinds = np.unique(labels)
    orders = [draws.permutation(np.flatnonzero(labels == kind)) for kind in kinds]
    own, others = training // len(kinds), tested // len(kinds)
    return np.concatenate([o[:own] for o in orders]), np.concatenate([o[own : own + others] for o in orders])


@torch.inference_mode()
def judged(texts: Sequence[str], labels: NDArray[np.int64], tested: Sequence[str], answers: NDArray[np.int64]) -> Hits:
    """Fit n-grams and a linear classifier to texts (N,), and test it on others."""
    known: dict[str, int] = {}
    samples = numbered(texts, known)
    words = len(known)
    others = torch.from_numpy(numbered(tested, known)).long()
    model = Ngrams((samples.shape[1], len(known) + 2), len(LIBRARIES))
    model.fit(samples, labels, np.ones(len(labels)), seed=0)
    return Hits(float((model(others).argmax(1).numpy() == answers).mean()), words)


def operations(texts: Sequence[str], *, share: float, wordnet: str) -> dict[str, str]:
    """Return the first sentence that all of EDA's operations can change, and what each of them makes of it."""
    each: dict[str, Section] = {
        "synonyms": chosen(Synonyms, share=share, wordnet=wordnet),
        "insertion": chosen(Insertion, share=share, wordnet=wordnet),
        "swap": chosen(Swap, share=share),
        "deletion": chosen(Deletion, share=share),
    }
    pipelines = {name: TextPipeline([step], seed=0) for name, step in each.items()}
    for text in texts:
        made = {name: _changed(pipeline, text) for name, pipeline in pipelines.items()}
        if all(made.values()):
            return {"none": text, **made}
    raise ValueError("EDA changes none of the sentences; raise `share`")


def _changed(pipeline: TextPipeline, text: str) -> str:
    """Return the first copy of a text that differs from it, or nothing."""
    drawn: Any = pipeline.draw([text] * TRIES, items=["example"] * TRIES, copies=range(TRIES))
    return next((copy for copy in drawn.texts if copy != text), "")
