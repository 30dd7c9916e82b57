"""The job `generate synthesize`: draw samples of rare classes from a trained model, as copies that classifiers train on.

Each class is filled up with samples that pass two tests: the classifier in `generate judge`, trained on the same data, must
classify a sample as its class, and it must be near the real ones of that class, images in that classifier's features. Rejected
samples are counted and shown. A copy needs a parent, the real sample whose place it takes in an epoch: those of its class take
turns.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom import files, registry
from darkroom.augment.classes import class_counts
from darkroom.data.kind import PLURAL
from darkroom.data.store import Store, describe_store, needed, new_array, open_store
from darkroom.fit.model import read_about
from darkroom.generate.config import SynthesizeSpec
from darkroom.generate.drawn.kind import SHOWN, Drawn
from darkroom.generate.evaluation.spaces import FeatureExtractor, JudgeClassifier, read_judge
from darkroom.generate.model import GenerativeModel, read_generator
from darkroom.log import Log
from darkroom.measure.distances import squared_blocks
from darkroom.measure.manifold import radii
from darkroom.randomness import derive

ROUNDS = 10
"""A class is given up after drawing this many times the samples that it needs."""
BATCH = 200


@torch.inference_mode()
def run(spec: SynthesizeSpec, *, data: Path, model: Path, judge: Path, out: Path, log: Log) -> None:
    """Draw the images that classes lack from the model in `model`, and keep those that the judge accepts.

    Raises ValueError if the model is unconditional, no class lacks images, or no sample was accepted.
    """
    store, classifier = open_store(data), read_judge(judge)
    rows, kind = needed(store, "train"), registry.build(spec.drawn)
    about, network = read_about(model), read_generator(model, spec.generator)
    if not network.classes:
        raise ValueError(f"{about.plugin['name']} is unconditional; set its conditional: true")
    counts, lacks = wanted(spec, store)
    if not lacks.any():
        raise ValueError(
            f"every class of {store.name} has {counts.max()} training {PLURAL[store.kind]} already; set synthetic.images to more"
        )
    acceptance = Acceptance(classifier, kind.space(classifier, store), store, rows)
    found = [
        _fill(spec, network, kind, acceptance, label, int(lack)) if lack else None
        for label, lack in enumerate(lacks.tolist())
    ]
    drawn = [each for each in found if each is not None]
    table = pd.concat([each.table(store, rows) for each in drawn], ignore_index=True)
    if table.empty:
        raise ValueError(
            f"none of {sum(each.drawn for each in drawn):,} samples of {about.plugin['name']} was accepted: "
            f"{sum(each.unsure for each in drawn):,} were not classified as their class and "
            f"{sum(each.far for each in drawn):,} were far from real ones; train the model longer, lower "
            "synthetic.confidence or raise synthetic.distance"
        )
    counted = {store.classes[each.label]: each.counts(int(counts[each.label])) for each in drawn}
    with files.folder(out) as fresh:
        samples = new_array(fresh / "samples.npy", (len(table), *store.samples.shape[1:]), store.samples.dtype.type)
        samples[:] = np.concatenate([each.kept for each in drawn])
        describe_store(fresh, name=store.name, classes=store.classes, items=table, kind=store.kind, sizes=store.sizes)
        files.write_json(fresh / "synthetic.json", {"model": about.plugin["name"], "classes": counted})
        shown = [(each.label, each.kept, each.refused) for each in drawn]
        kind.show(store, rows, shown, data=data, path=fresh / "synthetic.png")
    log({"copies/images": len(table), "copies/refused": sum(each.unsure + each.far for each in drawn)})


def wanted(spec: SynthesizeSpec, store: Store) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the number of training samples of each class (K,), and how many to draw of it (K,)."""
    counts = class_counts(store.labels[needed(store, "train")], len(store.classes))
    return counts, np.where(counts > 0, np.maximum((spec.synthetic.images or counts.max()) - counts, 0), 0)


class Acceptance:
    """Accepts samples by the judge's confidence in their class, and their distance to real ones of it in a feature space.

    A distance is measured in units of its class: the median distance of a real training sample to its nearest one.
    """

    def __init__(self, judge: JudgeClassifier, space: FeatureExtractor, store: Store, rows: NDArray[np.int64]) -> None:
        self.judge, self.space, labels = judge, space, store.labels[rows]
        features = space(store.samples[rows])
        self.real = {int(label): features[labels == label] for label in np.unique(labels)}
        spans = {label: np.sqrt(radii(of, 1)[0]) for label, of in self.real.items() if len(of) > 1}
        anywhere = float(np.median(np.concatenate(list(spans.values())))) if spans else np.inf
        self.spans = {label: float(np.median(spans[label])) if label in spans else anywhere for label in self.real}

    def reject(
        self, images: NDArray[Any], label: int, *, confidence: float, distance: float
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which samples (N,) are not classified as `label`, and which of the rest are too far from its real images."""
        unsure = self.judge.probabilities(images)[:, label] < confidence
        far = _nearest(self.space(images), self.real[label]) > distance * self.spans[label]
        return unsure, far & ~unsure


def _nearest(features: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the distance (N,) of each row of features (N, D) to the nearest of the others (M, D)."""
    found: NDArray[np.float64] = np.sqrt(
        np.concatenate([squared.min(1) for _, squared in squared_blocks(features, others)])
    )
    return found


class Filled:
    """The samples drawn for one class."""

    def __init__(self, label: int, wanted: int, like: NDArray[Any]) -> None:
        self.label, self.wanted = label, wanted
        self.drawn = self.unsure = self.far = 0
        self.kept = self.refused = np.empty((0, *like.shape[1:]), like.dtype)

    def take(self, images: NDArray[Any], unsure: NDArray[np.bool_], far: NDArray[np.bool_]) -> None:
        """Keep the accepted samples, no more than wanted, and some rejected ones to show."""
        self.drawn += len(images)
        self.unsure, self.far = self.unsure + int(unsure.sum()), self.far + int(far.sum())
        self.kept = np.concatenate([self.kept, images[~(unsure | far)]])[: self.wanted]
        self.refused = np.concatenate([self.refused, images[unsure | far]])[:SHOWN]

    def table(self, store: Store, rows: NDArray[np.int64]) -> pd.DataFrame:
        """Return the items of a store of copies, one row per kept sample."""
        own = rows[store.labels[rows] == self.label]
        number = np.arange(len(self.kept))
        parents = store.items.iloc[own[number % len(own)]].reset_index(drop=True)
        name = f"synthetic-{self.label}"
        return pd.DataFrame(
            {
                "id": [f"{name}#{index}" for index in number],
                "label": self.label,
                "split": "train",
                "group": parents["group"],
                "mask": -1,
                "parent": parents["id"],
                "copy": number // len(own),
                "transforms": "[]",
            }
        )

    def counts(self, real: int) -> dict[str, int]:
        """Return counts for the report: real images, samples wanted, drawn, rejected by reason, and kept."""
        return {
            "real": real,
            "wanted": self.wanted,
            "drawn": self.drawn,
            "unsure": self.unsure,
            "far": self.far,
            "kept": len(self.kept),
        }


def _fill(
    spec: SynthesizeSpec, network: GenerativeModel, kind: Drawn, acceptance: Acceptance, label: int, wanted: int
) -> Filled:
    found: Filled | None = None
    for images in map(kind.stored, _samples(spec, network, label, wanted)):
        found = found or Filled(label, wanted, images)
        how: dict[str, Any] = {"confidence": spec.synthetic.confidence, "distance": spec.synthetic.distance}
        found.take(images, *acceptance.reject(images, label, **how))
        if len(found.kept) == wanted:
            break
    assert found is not None
    return found


def _samples(spec: SynthesizeSpec, network: GenerativeModel, label: int, wanted: int) -> Iterator[Tensor]:
    """Yield batches of samples of a class, in total `ROUNDS` times as many as wanted."""
    draws = torch.Generator().manual_seed(derive(spec.synthetic.seed, "synthetic", label))
    left = ROUNDS * wanted
    while left > 0:
        size = min(BATCH, wanted, left)
        yield network.sample(torch.full((size,), label), draws)
        left -= size
