"""Compare classifiers on the same test images, and rank them by validation, whatever their target."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkroom.measure.intervals import BOUNDS, Difference, Number, paired
from darkroom.report.results import UNIT, ClassifierRuns, Run, by_seed, class_shares, correct

NONE, VALIDATED = "none", "validation.parquet"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Effect:
    """How much better one classifier is than another on the same test images; positive is better."""

    to: ClassifierRuns
    base: ClassifierRuns
    difference: Difference


@dataclass(frozen=True)
class Score:
    """What classifiers of one target are ranked and compared by."""

    name: str
    column: str
    """In the training history, after `val_`."""
    test: tuple[str, ...]
    """Path of the number in metrics.json that ranks them without validation."""
    test_name: str
    gains: Callable[[Run, Run], Floats | None]
    """How much better the first run is than the second on each test image, ordered by id; None if that is unknown."""
    style: str = "percent"
    lower: bool = False
    """Whether lower is better."""
    noun: str = "classifier"
    """What the models are called."""


def change(to: ClassifierRuns, base: ClassifierRuns, score: Score) -> Effect | None:
    """Return the paired difference in a score over the seeds that both have; None without comparable predictions."""
    difference = over_images(by_seed(to, base), score.gains, shares=score.style == "percent")
    return None if difference is None else Effect(to, base, difference)


def accuracy_change(
    to: ClassifierRuns, base: ClassifierRuns, *, views: tuple[str, str] = ("plain", "plain"), balanced: bool = False
) -> Effect | None:
    """Return the paired difference in accuracy over the seeds that both have; None without comparable predictions.

    With `balanced`, every class has the same weight however many test images it has.
    """

    def gains(run: Run, other: Run) -> Floats | None:
        found = _accuracy_gains(run, other, views)
        return found if found is None or not balanced else found * class_shares(run)

    difference = over_images(by_seed(to, base), gains)
    return None if difference is None else Effect(to, base, difference)


def validation_lead(best: ClassifierRuns, other: ClassifierRuns) -> tuple[Difference, int] | None:
    """Return the paired difference in accuracy on the validation images, and their number; None if it is unknown."""

    def gains(run: Run, rival: Run) -> Floats | None:
        right, before = correct(run, of=VALIDATED), correct(rival, of=VALIDATED)
        return None if right is None or before is None or len(right) != len(before) else right - before

    difference, right = over_images(by_seed(best, other), gains), correct(best.first, of=VALIDATED)
    return None if difference is None or right is None else (difference, len(right))


def _accuracy_gains(run: Run, other: Run, views: tuple[str, str] = ("plain", "plain")) -> Floats | None:
    right, before = correct(run, views[0]), correct(other, views[1])
    return None if right is None or before is None or len(right) != len(before) else right - before


ACCURACY = Score("accuracy", "accuracy", ("views", "plain", "raw", "macro_f1"), "macro F1", _accuracy_gains)
"""Of one class per image."""


def over_images(
    pairs: Sequence[tuple[Run, Run]], gains: Callable[[Run, Run], Floats | None], *, shares: bool = True
) -> Difference | None:
    """Average gains per test image (images,) over pairs of runs; None if a pair has none, or the images differ.

    `shares` are gains between -1 and 1; see `paired`.
    """
    each = [gains(*pair) for pair in pairs]
    known = [found for found in each if found is not None and len(found) == len(each[0] if each[0] is not None else ())]
    return paired(known, shares=shares) if each and len(known) == len(each) and len(known[0]) else None


def ranking(
    found: Sequence[ClassifierRuns], score: Score = ACCURACY
) -> tuple[list[ClassifierRuns], dict[tuple[str, ...], Number], bool]:
    """Rank classifiers, best first: by validation score, ties by validation loss; without it, on the test images.

    Returns the classifiers, the number that ranks each, and whether validation did.
    """
    bounds = UNIT if score.style == "percent" else BOUNDS
    validated = {c.keys: c.last(f"val_{score.column}", bounds) for c in found}
    by_validation = all(n.value is not None for n in validated.values())
    ranks = validated if by_validation else {c.keys: c.number(*score.test) for c in found}
    sign = 1 if score.lower else -1

    def order(classifier: ClassifierRuns) -> tuple[float, float]:
        loss = classifier.last("val_loss").value if by_validation else 0.0
        value = ranks[classifier.keys].value
        return (math.inf if value is None else sign * value, loss if loss is not None else 0.0)

    return sorted(found, key=order), ranks, by_validation


def policy_effects(found: Sequence[ClassifierRuns], score: Score = ACCURACY) -> list[Effect]:
    """Compare each network under each policy with the same network without augmentation."""
    plain = {c.model: c for c in found if c.policy == NONE}
    pairs = [(c, plain[c.model]) for c in found if c.policy != NONE and c.model in plain]
    return [effect for to, base in pairs if (effect := change(to, base, score)) is not None]


def network_effects(
    ranked: Sequence[ClassifierRuns], baseline: str | None = None, score: Score = ACCURACY
) -> list[Effect]:
    """Compare the best classifier's network with every other one, both under one policy.

    That is the best classifier's policy, or the best one that both networks were trained under; networks without a
    common policy are not compared. With a `baseline`, compare every other model with that one instead, under each policy
    that both have.
    """
    if baseline is not None:
        bases = {c.policy: c for c in ranked if c.model == baseline}
        pairs = [(c, bases[c.policy]) for c in ranked if c.model != baseline and c.policy in bases]
    else:
        best = ranked[0].model
        pairs = []
        for model in dict.fromkeys(c.model for c in ranked if c.model != best):
            others = {c.policy: c for c in ranked if c.model == model}
            pairs += [(c, others[c.policy]) for c in ranked if c.model == best and c.policy in others][:1]
    return [effect for to, base in pairs if (effect := change(to, base, score)) is not None]
