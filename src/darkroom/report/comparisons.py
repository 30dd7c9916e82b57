"""One classifier against another on the same test images, and the order of all by validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkroom.report.intervals import Difference, Number, paired
from darkroom.report.results import Classifier, by_seed, class_shares, correct

NONE = "none"


@dataclass(frozen=True)
class Effect:
    """What a change from one classifier to another brought, in (balanced) accuracy on the same test images."""

    to: Classifier
    base: Classifier
    difference: Difference


def accuracy_change(
    to: Classifier, base: Classifier, *, views: tuple[str, str] = ("plain", "plain"), balanced: bool = False
) -> Effect | None:
    """The paired difference in accuracy over the seeds that both have; None without comparable predictions.

    With `balanced` every class weighs the same, however many test images it has.
    """
    each: list[NDArray[np.float64]] = []
    for run, other in by_seed(to, base):
        right, before = correct(run, views[0]), correct(other, views[1])
        if right is None or before is None or len(right) != len(before) or not len(right):
            return None
        weights = class_shares(run) if balanced else 1.0
        each.append((right - before) * weights)
    same = all(len(e) == len(each[0]) for e in each)
    return Effect(to, base, paired(each)) if each and same else None


def ranking(found: Sequence[Classifier]) -> tuple[list[Classifier], dict[tuple[str, ...], Number], bool]:
    """Best first: by validation accuracy where every classifier has it (then by loss), else by macro F1 on the test."""
    accuracy = {c.keys: c.last("val_accuracy") for c in found}
    by_validation = all(n.value is not None for n in accuracy.values())
    ranks = accuracy if by_validation else {c.keys: c.share("views", "plain", "raw", "macro_f1") for c in found}

    def order(classifier: Classifier) -> tuple[float, float]:
        loss = classifier.last("val_loss").value if by_validation else 0.0
        value = ranks[classifier.keys].value
        return (-value if value is not None else 0.0, loss if loss is not None else 0.0)

    return sorted(found, key=order), ranks, by_validation


def policy_effects(found: Sequence[Classifier], *, balanced: bool = False) -> list[Effect]:
    """Each network under each policy against the same network without augmentation."""
    plain = {c.model: c for c in found if c.policy == NONE}
    pairs = [(c, plain[c.model]) for c in found if c.policy != NONE and c.model in plain]
    return [effect for to, base in pairs if (effect := accuracy_change(to, base, balanced=balanced)) is not None]


def network_effects(ranked: Sequence[Classifier]) -> list[Effect]:
    """The best classifier against the best one of every other network."""
    best, others = ranked[0], {c.model: c for c in reversed(ranked)}
    rest = [c for model, c in reversed(others.items()) if model != best.model]
    return [effect for other in rest if (effect := accuracy_change(best, other)) is not None]
