"""Compare classifiers on the same test images, and rank them by validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkroom.report.intervals import Difference, Number, paired
from darkroom.report.results import ClassifierRuns, Run, by_seed, class_shares, correct

NONE = "none"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Effect:
    """What changed from one classifier to another, in (balanced) accuracy on the same test images."""

    to: ClassifierRuns
    base: ClassifierRuns
    difference: Difference


def accuracy_change(
    to: ClassifierRuns, base: ClassifierRuns, *, views: tuple[str, str] = ("plain", "plain"), balanced: bool = False
) -> Effect | None:
    """Return the paired difference in accuracy over the seeds that both have; None without comparable predictions.

    With `balanced`, every class has the same weight however many test images it has.
    """

    def gains(run: Run, other: Run) -> Floats | None:
        right, before = correct(run, views[0]), correct(other, views[1])
        if right is None or before is None or len(right) != len(before):
            return None
        return (right - before) * (class_shares(run) if balanced else 1.0)

    difference = over_images(by_seed(to, base), gains)
    return None if difference is None else Effect(to, base, difference)


def over_images(pairs: Sequence[tuple[Run, Run]], gains: Callable[[Run, Run], Floats | None]) -> Difference | None:
    """Average gains per test image (images,) over pairs of runs; None if a pair has none, or the images differ."""
    each = [gains(*pair) for pair in pairs]
    known = [found for found in each if found is not None and len(found) == len(each[0] if each[0] is not None else ())]
    return paired(known) if each and len(known) == len(each) and len(known[0]) else None


def ranking(found: Sequence[ClassifierRuns]) -> tuple[list[ClassifierRuns], dict[tuple[str, ...], Number], bool]:
    """Rank classifiers, best first: by validation accuracy, ties by validation loss; without it, by macro F1 on the test.

    Returns the classifiers, the number that ranks each, and whether validation did.
    """
    accuracy = {c.keys: c.last("val_accuracy") for c in found}
    by_validation = all(n.value is not None for n in accuracy.values())
    ranks = accuracy if by_validation else {c.keys: c.share("views", "plain", "raw", "macro_f1") for c in found}

    def order(classifier: ClassifierRuns) -> tuple[float, float]:
        loss = classifier.last("val_loss").value if by_validation else 0.0
        value = ranks[classifier.keys].value
        return (-value if value is not None else 0.0, loss if loss is not None else 0.0)

    return sorted(found, key=order), ranks, by_validation


def policy_effects(found: Sequence[ClassifierRuns]) -> list[Effect]:
    """Compare each network under each policy with the same network without augmentation."""
    plain = {c.model: c for c in found if c.policy == NONE}
    pairs = [(c, plain[c.model]) for c in found if c.policy != NONE and c.model in plain]
    return [effect for to, base in pairs if (effect := accuracy_change(to, base)) is not None]


def network_effects(ranked: Sequence[ClassifierRuns], baseline: str | None = None) -> list[Effect]:
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
    return [effect for to, base in pairs if (effect := accuracy_change(to, base)) is not None]
