"""Measure how the judges respond to one change of the images of one aspect, such as a class.

- **kept**: share of transformed images still answered correctly; `clean` is the share for the original images. A number is
  right while its error is a usual one, see `aspects`.
- **turned**: share answered otherwise and close to the real images that are what the answer says: they look like something the
  model knows, not merely unfamiliar.
- **realism**: mean distance to the real images with the right answer, relative to that of the originals; 1 is as realistic as the
  originals. Distances are between features; Gontijo-Lopes et al. 2020 (arXiv 2002.08973) measure affinity differently.
- **spread**: feature variance of originals and transformed images together, relative to that of the originals.
- **surprise**: increase of the model's loss in nats: the paper's "diversity", for a model trained without augmentation. Of a
  number it is the increase of the absolute error, in multiples of the judge's own mean error on original images.
- **shift**, of a number: mean absolute change of the prediction, in the same unit; **slope**: by how much the prediction for the
  transformed image rises if that for the original rises by 1; −1 where the transform turns a number into its negative.
- **skill**: what a judge must reach to judge: `clean`, or of a number the R² on the original images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from darkroom.audit.aspects import Aspect, Floats, LabelKept, Labels, NumberKept, Targets
from darkroom.audit.judge import FoldJudge
from darkroom.audit.steps import Change, Samples
from darkroom.fit.batches import as_tensor
from darkroom.measure.bootstrap import Interval, intervals

NO_REAL = "too few real images of this kind to compare with"


@dataclass(frozen=True)
class Part:
    """Images of one aspect held out from one judge together with their groups."""

    judge: FoldJudge
    samples: Samples  # (N, ...)
    ids: Sequence[str]
    groups: Labels  # (N,)
    targets: Targets


@dataclass(frozen=True)
class Seen:
    """One judge's answers for N images of one aspect."""

    answers: Floats  # (N,)
    true: Floats  # (N,)
    right: Floats  # (N,) 0 or 1
    loss: Floats  # (N,) nats, or multiples of the judge's own mean error
    distance: Floats  # (N,) to the real images with the right answer
    turned: Floats  # (N,) 0 or 1
    features: Floats  # (N, D)
    unit: float  # the judge's own mean error; 1 but for numbers


@dataclass(frozen=True)
class Subject:
    """The judged images of one aspect, by fold, and the judges' answers for them without a transform."""

    aspect: Aspect
    parts: Sequence[Part]
    clean: Sequence[Seen]
    bound: float = 1.0
    """The judges' skill at most: what they reach on the images of the opposite aspect, if both are needed to judge."""

    @property
    def images(self) -> int:
        return sum(len(part.ids) for part in self.parts)


def subject(aspect: Aspect, parts: Sequence[Part]) -> Subject:
    """Run each judge on its untransformed images of an aspect; skips parts without images."""
    filled = [part for part in parts if len(part.ids)]
    return Subject(aspect, filled, [_look(part, aspect, as_tensor(part.samples)) for part in filled])


def bounded(subjects: Sequence[Subject]) -> list[Subject]:
    """Bound the skill at a label that is there by that at one that is not, and the reverse: calling none is no skill."""
    found = []
    for one in subjects:
        other = subjects[one.aspect.opposite] if isinstance(one.aspect, LabelKept) else one
        clean = [seen.right for seen in other.clean]
        found.append(replace(one, bound=float(np.concatenate(clean).mean()) if clean else 0.0))
    return found


def right(part: Part, aspect: Aspect, images: Tensor) -> Floats:
    """Return whether a judge's answer for each changed image is right (N,), 0 or 1."""
    answers = aspect.answers(part.judge.look(images)[0].astype(np.float64))
    return aspect.right(answers, aspect.true(part.targets), part.judge.own).astype(np.float64)


def kept(found: Subject, change: Change, *, draws: int) -> float:
    """Return the share of transformed images that keep their label, without the other measurements."""
    hits = sum(
        right(part, found.aspect, change(part.samples, part.ids, draw)).sum()
        for part in found.parts
        for draw in range(draws)
    )
    return float(hits) / (draws * found.images)


def changed(found: Subject, change: Change, *, draws: int) -> list[list[Seen]]:
    """Return each judge's answers for its transformed images, by part, then draw."""
    return [
        [_look(part, found.aspect, change(part.samples, part.ids, draw)) for draw in range(draws)]
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
    of_number = Moved(found.clean, seen) if isinstance(found.aspect, NumberKept) else None

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
                **(
                    of_number(weights)
                    if of_number
                    else {"skill": np.minimum(weights @ clean["right"] / items, found.bound)}
                ),
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


class Moved:
    """How the predictions of a number move: `shift`, `slope` and the `skill` of the judges."""

    def __init__(self, clean: Sequence[Seen], seen: Sequence[Sequence[Seen]]) -> None:
        pairs = list(zip(clean, seen, strict=True))
        moves = [np.mean([np.abs(d.answers - one.answers) for d in draws], axis=0) / one.unit for one, draws in pairs]
        self._shift = np.concatenate(moves)
        before = np.concatenate([one.answers for one in clean])
        after = np.concatenate([np.mean([draw.answers for draw in draws], axis=0) for draws in seen])
        true = np.concatenate([one.true for one in clean])
        self._before, self._after, self._true = (values - true.mean() for values in (before, after, true))

    def __call__(self, weights: Floats) -> dict[str, Floats]:
        """Return the statistics (R,) for each row of weights (R, N)."""
        items, before, after, true = weights.sum(1), self._before, self._after, self._true
        means = {name: weights @ values / items for name, values in (("b", before), ("a", after), ("t", true))}
        spread = weights @ before**2 / items - means["b"] ** 2
        together = weights @ (before * after) / items - means["b"] * means["a"]
        unexplained = weights @ (before - true) ** 2 / items
        with np.errstate(invalid="ignore", divide="ignore"):
            return {
                "skill": 1 - unexplained / (weights @ true**2 / items - means["t"] ** 2),
                "shift": weights @ self._shift / items,
                "slope": together / spread,
            }


def _moments(vectors: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Return the mean (N, D) and the mean squared norm (N,) of each item's vectors."""
    return np.mean(vectors, axis=0), np.mean([(one**2).sum(1) for one in vectors], axis=0)


def _scatter(weights: Floats, mean: Floats, square: Floats) -> Floats:
    """Return the sum of squared distances from the mean (R,) for each row of weights (R, N)."""
    items = np.maximum(weights.sum(1), 1)
    scatter: Floats = weights @ square - ((weights @ mean) ** 2).sum(1) / items
    return scatter


def turned_into(found: Subject, seen: Sequence[Sequence[Seen]], *, most: int = 3) -> list[dict[str, object]]:
    """Return the other answers given most often, with their shares of all; none of a number."""
    if isinstance(found.aspect, NumberKept):
        return []
    drawn = [one for draws in seen for one in draws]
    answers, true = (np.concatenate([getattr(one, name) for one in drawn]) for name in ("answers", "true"))
    other, counts = np.unique(answers[answers != true], return_counts=True)
    shares = [(count / len(answers), found.aspect.word(answer)) for answer, count in zip(other, counts, strict=True)]
    return [
        {"class": word, "share": float(share)} for share, word in sorted(shares, key=lambda x: (-x[0], x[1]))[:most]
    ]


def _look(part: Part, aspect: Aspect, images: Tensor) -> Seen:
    judge = part.judge
    raw, features = judge.look(images)
    outputs, true = raw.astype(np.float64), aspect.true(part.targets)
    answers = aspect.answers(outputs)
    hits = aspect.right(answers, true, judge.own)
    wrong = np.flatnonzero(~hits)
    turned = np.zeros(len(hits))
    turned[wrong] = judge.at_home(features[wrong], part.groups[wrong], answers[wrong], aspect)
    return Seen(
        answers,
        true,
        hits.astype(np.float64),
        aspect.losses(outputs, true, judge.own),
        judge.distance(features, part.groups, true, aspect),
        turned,
        features.astype(np.float64),
        float(judge.own.errors[aspect.output]) if judge.own and isinstance(aspect, NumberKept) else 1.0,
    )
