"""Whether a transform's traces give away which classes received it.

Applied to some classes only, a transform becomes a cue: if mirrored training images occur in some classes alone, a network may
learn that a mirrored image belongs to one of them. A classifier trained to tell transformed from original images measures how
visible the traces are. It sees every image of every class both ways, so contents and class say nothing. Its accuracy on
held-out images is the accuracy with which the trace alone tells classes with the transform from as many without; chance is 0.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from darkroom import registry
from darkroom.audit.config import MeasureSpec
from darkroom.audit.relearn import HELD_OUT_FOLD, trained
from darkroom.audit.steps import Copying, Step, alone, stored
from darkroom.classify.losses.cross_entropy import CrossEntropy
from darkroom.data.store import Store
from darkroom.data.target import Target
from darkroom.fit.batches import Batches, Pool, as_tensor
from darkroom.measure.bootstrap import Interval
from darkroom.measure.proportion import wilson
from darkroom.randomness import derive

NO_IMAGES = "the held-out fold has no images"
Rows = NDArray[np.int64]


def partial(own: Mapping[str, float], limits: Mapping[str, float]) -> dict[str, Any] | None:
    """Return which classes go without a transform that others receive, in the policy or, failing that, as suggested.

    `own` are the policy's strengths by class, `limits` the strengths that the audit allows. None if all classes or no class
    receive it.
    """
    for where, strengths in (("policy", own), ("suggestion", limits)):
        without = [name for name, strength in strengths.items() if strength == 0]
        if without and len(without) < len(strengths):
            return {"where": where, "without": without}
    return None


def measure(
    spec: MeasureSpec, store: Store, copying: Copying, rows: Rows, fold: Rows, step: Step, strength: float
) -> Interval:
    """Return the accuracy of telling transformed from original held-out images, with its 95 % interval.

    An image counts half per view recognized; its two views are not independent, so the interval counts images.
    """
    change = alone(step, strength, copying, seed=derive(spec.seed, "cue"))
    held_out = fold == HELD_OUT_FOLD
    training, judged = rows[~held_out], rows[held_out][: spec.images * len(store.classes)]
    ids = store.items["id"]
    copies = stored(change, store, training)
    both = np.concatenate([training, len(store.samples) + np.arange(len(training))])
    batches = Batches(
        Pool([store.samples, copies]),
        both[:, None],
        np.repeat([0, 1], len(training)),
        batch_size=spec.training.batch_size,
        seed=derive(spec.seed, "cue batches"),
    )
    seen = Target("class", ("original", "transformed"))
    network = trained(spec, store, training, batches, target=seen, loss=registry.chosen(CrossEntropy))
    with torch.inference_mode():
        hits = int((network(as_tensor(store.samples[judged])).argmax(1) == 0).sum()) if len(judged) else 0
        if len(judged):
            hits += int((network(change(store.samples[judged], ids.iloc[judged].tolist(), 1)).argmax(1) == 1).sum())
    return wilson(round(hits / 2), len(judged), reason=NO_IMAGES)
