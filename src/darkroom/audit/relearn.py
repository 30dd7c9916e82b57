"""Whether classes, labels or numbers remain distinguishable to a model trained with a transform.

A judge trained without augmentation may mistake a mirrored object for another class merely because it knows one pose. So
before a verdict says that labels change, a new classifier is trained on originals and transformed copies, half of each,
and tested on transformed images of a held-out fold. If the transform really turns one class into another, as a rotation by
180° turns a 6 into a 9, their images coincide and training does not help. The transform is applied to all classes at the
same strength; applied to some only, it would itself reveal the class.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom import registry
from darkroom.audit.aspects import Aspect, Own
from darkroom.audit.config import MeasureSpec
from darkroom.audit.steps import Change, Setting, Step, alone, stored
from darkroom.classify.transfer.frozen import FOLDS, extract
from darkroom.classify.transfer.heads.examples import Examples
from darkroom.data.store import Store
from darkroom.data.target import Target
from darkroom.fit.batches import Batches, Pool, as_tensor
from darkroom.fit.untrained import untrained
from darkroom.log import silent
from darkroom.measure.bootstrap import Interval
from darkroom.measure.proportion import wilson
from darkroom.nets.estimator import Estimator
from darkroom.nets.rescale import rescaled
from darkroom.randomness import derive
from darkroom.settings import Section

HELD_OUT_FOLD = 0
NO_IMAGES = "the held-out fold has no image of this kind"
Rows = NDArray[np.int64]


class Relearned(NamedTuple):
    """Accuracy per aspect of a model trained with a transform, on transformed and on plain held-out images."""

    changed: Mapping[int, Interval]
    plain: Mapping[int, Interval]

    def rate(self, label: int, into: int | None) -> Interval:
        """Return the accuracy on an aspect's transformed images or, if lower, on the originals of `into` that they resemble.

        If two classes coincide, a classifier may sacrifice either one.
        """
        own, other = self.changed[label], self.plain[label if into is None else into]
        if into is None or own["value"] is None or other["value"] is None:
            return own
        return min(own, other, key=lambda found: found["value"])


class Relearning:
    """Train with a transform on first request; takes the audit's labeled training rows and the fold of each.

    `own` are the errors of the judge of the held-out fold, if the target is numbers.
    """

    def __init__(self, setting: Setting, store: Store, rows: Rows, fold: Rows, own: Own | None) -> None:
        self.spec, self.copying, self.aspects = setting.spec, setting.copying, setting.aspects
        self.store, self.rows, self.fold, self.own = store, rows, fold, own
        self._known: dict[str, Relearned] = {}

    def learned(self, step: Step, strength: float) -> Relearned:
        """Train with a transform at this strength and return the accuracies; trains once per transform."""
        if step.key not in self._known:
            self._known[step.key] = self._measured(step, strength)
        return self._known[step.key]

    def _measured(self, step: Step, strength: float) -> Relearned:
        spec, store = self.spec, self.store
        change = alone(step, strength, self.copying, seed=derive(spec.seed, "relearn"))
        held_out = self.fold == HELD_OUT_FOLD
        network = self._trained(self.rows[~held_out], change)

        targets = store.targets

        def right(images: Tensor, aspect: Aspect, chosen: Rows) -> int:
            with torch.inference_mode():
                answers = aspect.answers(network(images).double().numpy())
            return int(aspect.right(answers, aspect.true(targets[chosen]), self.own).sum())

        changed, plain = {}, {}
        asked = self.rows[held_out]
        for place, aspect in enumerate(self.aspects):
            chosen = asked[aspect.asks(targets[asked])][: spec.images]
            ids, images = store.items["id"].iloc[chosen].tolist(), store.samples[chosen]
            draws = range(1, spec.draws + 1) if len(chosen) else ()
            hits = sum(right(change(images, ids, draw), aspect, chosen) for draw in draws)
            # count each image once, however many draws: draws of one image are not independent
            changed[place] = wilson(round(hits / spec.draws), len(chosen), reason=NO_IMAGES)
            hits = right(as_tensor(images), aspect, chosen) if len(chosen) else 0
            plain[place] = wilson(hits, len(chosen), reason=NO_IMAGES)
        return Relearned(changed, plain)

    def _trained(self, rows: Rows, change: Change) -> torch.nn.Module:
        spec, store = self.spec, self.store
        copies = stored(change, store, rows)
        variants = np.stack([rows, len(store.samples) + np.arange(len(rows))], axis=1)
        batches = Batches(
            Pool([store.samples, copies]),
            variants,
            store.targets[rows],
            batch_size=spec.training.batch_size,
            seed=derive(spec.seed, "relearn batches"),
        )
        return trained(spec, store, rows, batches, target=store.target, loss=spec.loss)


def trained(
    spec: MeasureSpec, store: Store, rows: Rows, batches: Batches, *, target: Target, loss: Section
) -> torch.nn.Module:
    """Train the audit's network on `batches` of images with a target; its preprocessing fits the images of `rows`."""
    from darkroom.classify.targets.kinds import learned
    from darkroom.classify.task import ClassifierTask
    from darkroom.fit.trainer import fit  # importing Lightning takes seconds, and few audits train

    torch.manual_seed(derive(spec.seed, "relearn weights"))
    network: torch.nn.Module = untrained(spec.network, store.shape, len(target.names), samples=store.samples, rows=rows)
    if isinstance(network, Estimator):
        labels = np.repeat(batches.labels, batches.counts)
        network.fit(batches.pool.take(batches.rows), labels, np.ones(len(labels)), seed=spec.seed)
        return network.eval()
    if target.kind == "numbers":
        rescaled(network, len(target.names)).fit(torch.from_numpy(store.targets[rows]))
    way = registry.build(spec.transfer) if spec.transfer is not None else None
    if way is not None and not way.gradient:
        way.put(network, _frozen(network, store, rows, batches, target), target)
        return network.eval()
    link = str(registry.entry(*loss.plugin).constants["LINK"])  # type: ignore[attr-defined]
    task = ClassifierTask(network, spec.training, target=learned(target, network, link), loss=registry.build(loss))
    fit(task, batches, None, seed=spec.seed, log=silent)
    torch.set_num_threads(1)  # as for the rest of the audit
    return network.eval()


def _frozen(network: Any, store: Store, rows: Rows, batches: Batches, target: Target) -> Examples:
    """Return the features of all images in the batches: those of `rows`, and copies of these, in order, after the store's."""
    shown, images = batches.rows, len(store.samples)
    values = np.empty((len(shown), network.backbone.features_size), np.float32)
    extract(network, lambda _view, some, _index: as_tensor(batches.pool.take(some)), [(0, shown)], values)
    origin = np.where(shown < images, shown, rows[np.maximum(shown - images, 0)])
    groups = np.unique(store.items["group"].to_numpy()[origin], return_inverse=True)[1]
    labels = torch.from_numpy(np.repeat(batches.labels, batches.counts, axis=0))
    return Examples(values, labels, torch.ones(len(shown)), torch.from_numpy(groups % FOLDS), len(target.names))
