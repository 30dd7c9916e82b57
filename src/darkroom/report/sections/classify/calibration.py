"""Temperature scaling: whether it made the probabilities better, judged by the likelihood of the test labels.

The verdict compares the NLL of every test image before and after. NLL is a proper score; ECE alone is not, and rewards
confidences that fit on average but say nothing about single images.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from darkroom.measure.intervals import Difference
from darkroom.report.comparisons import over_images
from darkroom.report.results import ClassifierRuns, Run
from darkroom.report.sections.classify.findings import titled
from darkroom.report.words import text
from darkroom.report.words.finding import Finding, verdict
from darkroom.report.words.nouns import worded
from darkroom.report.words.text import say

Floats = NDArray[np.float64]
SMALLEST = 1e-300
"""Stands for a probability that underflowed to 0."""
LARGEST_LOSS = np.log(1e12)
"""Nats; the evaluation's NLL has the same bound."""


def findings(best: ClassifierRuns) -> Iterator[Finding]:
    """Say what temperature scaling did to the best classifier."""
    raw, scaled = (best.number("views", "plain", stage, "ece", bounds=(0, 1)) for stage in ("raw", "calibrated"))
    if raw.value is None or scaled.value is None:
        return
    if not scaled_at_all(best):
        words = say("{} keeps its probabilities as trained{}.", titled(best), _why(best))
        words += say(" Its ECE is {}.", text.full(raw, "decimal"))
        yield Finding("Calibration", _short(best), "note", words)
        return
    change = improvement(best)
    name, tone = verdict(change) if change is not None else ("not compared", "note")
    words = say("Temperature scaling changes")
    if change is not None:
        rise = Difference(-change.value, -change.high, -change.low)
        words = say("Temperature scaling changes the NLL by {}", text.points(rise, "decimal"))
        words += say(" nats per test image, and")
    words += say(" the ECE of {} from {}", titled(best), text.full(raw, "decimal"))
    words += say(" to {}", text.full(scaled, "decimal"))
    yield Finding("Calibration", name, tone, words + say("{}.", _why(best)))


def scaled_at_all(classifier: ClassifierRuns) -> bool:
    """Return whether temperature scaling changed the probabilities of any seed: a temperature of 1 keeps them."""
    return any(run.metrics.get("temperature", {}).get("plain") != 1 for run in classifier.runs)


def improvement(classifier: ClassifierRuns) -> Difference | None:
    """Return by how many nats per test image scaling lowers the NLL; None without probabilities."""
    return over_images([(run, run) for run in classifier.runs], lambda run, _: _gains(run))


def _gains(run: Run) -> Floats | None:
    """The log-likelihood of each label after scaling minus before; the raw probabilities are those to the power of T."""
    table, temperature = run.table("predictions.parquet"), run.metrics.get("temperature", {}).get("plain")
    columns = [] if table is None else [name for name in table if str(name).startswith("p_plain_")]
    if table is None or not columns or temperature is None:
        return None
    after = np.log(np.maximum(table[columns].to_numpy(np.float64), SMALLEST))
    before = after * float(temperature)
    before = before - np.logaddexp.reduce(before, axis=1, keepdims=True)
    rows = np.arange(len(table)), table["label"].to_numpy(np.int64)
    gains: Floats = np.maximum(after[rows], -LARGEST_LOSS) - np.maximum(before[rows], -LARGEST_LOSS)
    return gains


def _note(best: ClassifierRuns) -> str:
    """What the evaluation says about its fit, such as too few validation images."""
    return worded(str(best.first.metrics.get("calibration", {}).get("plain", {}).get("note", "")).rstrip("."))


def _why(best: ClassifierRuns) -> str:
    return f" ({note})" if (note := _note(best)) else ""


def _short(best: ClassifierRuns) -> str:
    return "not calibrated" if _note(best) else "nothing to scale"
