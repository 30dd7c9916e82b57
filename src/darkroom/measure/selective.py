"""Selective prediction: answer the items of high confidence, and say "I don't know" to the others (Geifman & El-Yaniv 2017).

Coverage is the share of items answered, risk the share of errors among them. Items are confidences (N,), higher meaning
surer, and errors (N,) of 0 and 1.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from darkroom.measure.ranking import curve

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
ALPHA = 0.05
"""Probability that `least_confidence` returns a confidence whose true risk exceeds the one allowed."""
STARTS = 2
"""Sequences of tests that share it."""


def risk_curve(confidence: Floats, wrong: Flags) -> tuple[Floats, Floats]:
    """Return coverage and risk (S,) as the confidence required falls; items of equal confidence are answered together."""
    found = curve(wrong, confidence)
    answered = (found.true + found.false)[0]
    return answered / len(wrong), found.true[0] / answered


def aurc(confidence: Floats, wrong: Flags, weights: Floats | None = None) -> Floats:
    """Return the area under the risk-coverage curve (R,): the mean risk over the confidences of all items.

    `weights` (R, N) count the items in each resample (default: each once).
    """
    found = curve(wrong, confidence, weights)
    answered = found.true + found.false
    risk = np.divide(found.true, answered, out=np.zeros_like(answered), where=answered > 0)
    area: Floats = (np.diff(answered, axis=1, prepend=0) * risk).sum(1) / answered[:, -1]
    return area


def least_items(risk: float) -> int:
    """Return the number of items, all right, that shows a risk below `risk`: 72 for 5 %, 368 for 1 %."""
    return math.ceil(math.log(ALPHA / STARTS) / math.log1p(-risk))


def least_confidence(confidence: Floats, wrong: Flags, risk: float) -> float | None:
    """Return the lowest confidence from which on the risk is shown to be at most `risk`; None if no confidence is.

    "Shown" means by exact binomial tests in fixed sequences (Angelopoulos et al. 2021, "Learn then Test"), where Geifman &
    El-Yaniv search by bisection: a sequence takes one more item at a time, the surest first, and ends at the first test that
    does not reject, so that every test can use the level of its sequence. One starts from the `least_items` surest items,
    and one, which an early error does not end, halfway between these and all items; each has half of `ALPHA`.
    """
    order, least = np.argsort(-confidence, kind="stable"), least_items(risk)
    falling, errors = confidence[order], np.cumsum(wrong[order])
    ends = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))  # of items with equal confidence, the last
    shown = special.bdtr(errors[ends].astype(np.float64), ends + 1, risk) <= ALPHA / STARTS
    last = -1
    for part in range(STARTS):
        first = int(np.searchsorted(ends + 1, least + part * (len(wrong) - least) / STARTS))
        failed = np.flatnonzero(~shown[first:])
        steps = int(failed[0]) if len(failed) else len(shown) - first
        last = max(last, first + steps - 1 if steps > 0 else -1)
    return float(falling[ends[last]]) if last >= 0 else None
