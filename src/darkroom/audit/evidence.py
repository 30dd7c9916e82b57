"""Measure how the judges respond to one change of one class's images.

- **kept**: share of transformed images still classified correctly; `clean` is the share for the original images.
- **turned**: share classified as another class and close to that class's real images: they look like something the
  classifier knows, not merely unfamiliar.
- **realism**: mean distance to the real images of the class, relative to that of the originals; 1 is as realistic as the
  originals. Distances are between features; Gontijo-Lopes et al. 2020 (arXiv 2002.08973) measure affinity differently.
- **spread**: feature variance of originals and transformed images together, relative to that of the originals.
- **surprise**: increase of the classifier's loss in nats: the paper's "diversity", for a classifier trained without
  augmentation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from darkroom.audit.judge import Floats, FoldJudge, Labels
from darkroom.audit.steps import Change, Samples
from darkroom.classify.calibration import log_softmax
from darkroom.fit.batches import as_tensor
from darkroom.measure.bootstrap import Interval, intervals

NO_REAL = "too few real images of this class to compare with"


@dataclass(frozen=True)
class Part:
    """Images of one class held out from one judge together with their groups."""

    judge: FoldJudge
    samples: Samples  # (N, ...)
    ids: Sequence[str]
    groups: Labels  # (N,)


@dataclass(frozen=True)
class Seen:
    """One judge's outputs for N images of one class."""

    predicted: Labels  # (N,)
    right: Floats  # (N,) 0 or 1
    loss: Floats  # (N,) nats
    distance: Floats  # (N,) to the real images of the class
    turned: Floats  # (N,) 0 or 1
    features: Floats  # (N, D)


@dataclass(frozen=True)
class Subject:
    """The judged images of one class, by fold, and the judges' outputs for them without a transform."""

    label: int
    parts: Sequence[Part]
    clean: Sequence[Seen]

    @property
    def images(self) -> int:
        return sum(len(part.ids) for part in self.parts)


def subject(label: int, parts: Sequence[Part]) -> Subject:
    """Run each judge on its untransformed images of a class; skips parts without images."""
    filled = [part for part in parts if len(part.ids)]
    return Subject(label, filled, [_look(part, label, as_tensor(part.samples)) for part in filled])


def kept(found: Subject, change: Change, *, draws: int) -> float:
    """Return the share of transformed images that keep their label, without the other measurements."""
    right = 0
    for part in found.parts:
        for draw in range(draws):
            changed = change(part.samples, part.ids, draw)
            right += int((part.judge.look(changed)[0].argmax(1) == found.label).sum())
    return right / (draws * found.images)


def changed(found: Subject, change: Change, *, draws: int) -> list[list[Seen]]:
    """Return each judge's outputs for its transformed images, by part, then draw."""
    return [
        [_look(part, found.label, change(part.samples, part.ids, draw)) for draw in range(draws)]
        for part in found.parts
    ]


def numbers(
    found: Subject, seen: Sequence[Sequence[Seen]], *, resamples: int, generator: np.random.Generator
) -> dict[str, Interval]:
    """Return all measurements with 95 % intervals, from the same resamples of the judged images."""
    clean = {name: np.concatenate([getattr(one, name) for one in found.clean]) for name in _ROWS}
    made = {
        name: np.concatenate([np.mean([getattr(one, name) for one in draws], axis=0) for draws in seen])
        for name in _ROWS
    }
    known = ~np.isnan(clean["distance"] + made["distance"])
    near, far = (np.where(known, rows["distance"], 0.0) for rows in (clean, made))
    spread = Spread(found.clean, seen)

    def statistic(weights: Floats) -> Mapping[str, Floats]:
        items = weights.sum(1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return {
                "clean": weights @ clean["right"] / items,
                "kept": weights @ made["right"] / items,
                "loss": weights @ (clean["right"] - made["right"]) / items,
                "turned": weights @ made["turned"] / items,
                "turned_more": weights @ (made["turned"] - clean["turned"]) / items,
                "realism": (weights @ far) / (weights @ near),
                "spread": spread(weights),
                "surprise": weights @ (made["loss"] - clean["loss"]) / items,
            }

    return intervals(statistic, found.images, resamples=resamples, generator=generator, reason=NO_REAL)


_ROWS = ("right", "loss", "distance", "turned")


class Spread:
    """Total feature variance of originals and transformed images together, relative to the originals alone.

    Computed per fold, as feature spaces differ, and weighted by the number of images.
    """

    def __init__(self, clean: Sequence[Seen], seen: Sequence[Sequence[Seen]]) -> None:
        self._parts = []
        start = 0
        for one, draws in zip(clean, seen, strict=True):
            end = start + len(one.right)
            both = [one.features, *(draw.features for draw in draws)]
            self._parts.append((slice(start, end), _moments([one.features]), _moments(both)))
            start = end

    def __call__(self, weights: Floats) -> Floats:
        """Return the ratio (R,) for each row of weights (R, N)."""
        before, after = np.zeros(len(weights)), np.zeros(len(weights))
        for columns, originals, both in self._parts:
            before += _scatter(weights[:, columns], *originals)
            after += _scatter(weights[:, columns], *both)
        ratio: Floats = after / before
        return ratio


def _moments(vectors: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Return the mean (N, D) and the mean squared norm (N,) of each item's vectors."""
    return np.mean(vectors, axis=0), np.mean([(one**2).sum(1) for one in vectors], axis=0)


def _scatter(weights: Floats, mean: Floats, square: Floats) -> Floats:
    """Return the sum of squared distances from the mean (R,) for each row of weights (R, N)."""
    items = np.maximum(weights.sum(1), 1)
    scatter: Floats = weights @ square - ((weights @ mean) ** 2).sum(1) / items
    return scatter


def turned_into(
    found: Subject, seen: Sequence[Sequence[Seen]], classes: Sequence[str], *, most: int = 3
) -> list[dict[str, object]]:
    """Return the other classes predicted most often, with their shares of all predictions."""
    answers = np.concatenate([one.predicted for draws in seen for one in draws])
    shares = np.bincount(answers, minlength=len(classes)) / len(answers)
    shares[found.label] = 0
    order = sorted(range(len(classes)), key=lambda label: (-shares[label], classes[label]))[:most]
    return [{"class": classes[label], "share": float(shares[label])} for label in order if shares[label]]


def _look(part: Part, label: int, images: Tensor) -> Seen:
    logits, features = part.judge.look(images)
    predicted = logits.argmax(1).astype(np.int64)
    right = predicted == label
    wrong = np.flatnonzero(~right)
    turned = np.zeros(len(right))
    turned[wrong] = part.judge.at_home(features[wrong], part.groups[wrong], predicted[wrong])
    return Seen(
        predicted,
        right.astype(np.float64),
        -log_softmax(logits.astype(np.float64))[:, label],
        part.judge.distance(features, part.groups, label),
        turned,
        features.astype(np.float64),
    )
