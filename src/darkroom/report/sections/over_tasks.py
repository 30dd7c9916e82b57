"""Detectors over several choices of normal classes, such as each class of a labelled set in turn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from darkroom.report.intervals import Difference, Number, over_seeds, t_interval
from darkroom.report.parts import chart
from darkroom.report.parts.chart import Chart
from darkroom.report.parts.table import Cell, Row, Table, cell, seconds
from darkroom.report.results import UNIT, Detector
from darkroom.report.words import text
from darkroom.report.words.choice import Candidate, Choice, choose


@dataclass(frozen=True)
class Overall:
    """Means over the tasks; `ranked` holds the detectors that every task has by mean AUROC, best first, with that mean."""

    tasks: int
    ranked: list[tuple[str, Number]]
    auroc: Chart
    means: Table
    verdicts: Table
    by_normal: Table
    left_out: list[str]
    """Tasks without an AUROC, which the means do not count."""
    hardest: tuple[str, Number] | None
    """The choice of normal that the best detector does worst on."""
    rates: dict[str, Number]
    """The best detector's shares at its thresholds."""
    choice: Choice

    @property
    def best(self) -> tuple[str, Number]:
        return self.ranked[0]


Ranked = Sequence[tuple[str, Sequence[Detector]]]
"""Of each task the normal classes in words, and its detectors."""


def overall(tasks: Ranked) -> Overall | None:
    """None for a single task, or where no detector has results for all of them."""
    methods = [{detector.title: detector for detector in detectors} for _, detectors in tasks]
    titles = [title for title in methods[0] if all(title in method for method in methods)] if len(tasks) > 1 else []
    if not titles:
        return None
    scores = {title: [method[title].share("image", "auroc") for method in methods] for title in titles}
    known = [all(scores[title][k].value is not None for title in titles) for k in range(len(tasks))]
    counted = [method for method, has in zip(methods, known, strict=True) if has] or methods
    ranked = [(title, _mean(counted, title, "auroc")) for title in titles]
    ranked.sort(key=lambda pair: -pair[1].value if pair[1].value is not None else 1.0)
    best = ranked[0][0]
    saw = {d.title for method in methods for d in method.values() if d.labels_seen}
    fair = [pair for pair in ranked if pair[0] not in saw] or ranked
    lowest = [(name, scores[best][k]) for k, (name, _) in enumerate(tasks) if known[k]]
    return Overall(
        tasks=len(tasks),
        ranked=ranked,
        auroc=chart.numbers(ranked, "decimal", chosen=0),
        means=_means(ranked, counted),
        verdicts=_verdicts(ranked, counted),
        by_normal=_by_normal(tasks, [title for title, _ in ranked], scores),
        left_out=[name for (name, _), has in zip(tasks, known, strict=True) if not has],
        hardest=min(lowest, key=lambda pair: pair[1].value or 0.0) if lowest else None,
        rates={rate: _mean(counted, best, rate) for rate in ("detection_rate", "false_alarm_rate")},
        choice=choose(
            [_candidate(title, mean, fair[0][0], counted) for title, mean in fair], left_aside=len(ranked) - len(fair)
        ),
    )


def _mean(methods: Sequence[dict[str, Detector]], title: str, *path: str) -> Number:
    """Over the tasks, with the t-interval that their spread gives."""
    return over_seeds([method[title].share("image", *path) for method in methods], UNIT)


def _candidate(title: str, mean: Number, best: str, methods: Sequence[dict[str, Detector]]) -> Candidate:
    ms = _plain_mean(method[title].measured("timing", "ms_per_image") for method in methods)
    return Candidate(title, mean, _behind(title, best, methods), ms)


def _behind(title: str, best: str, methods: Sequence[dict[str, Detector]]) -> Difference | None:
    """The best one's AUROC over this one's, task by task."""
    pairs = [[method[name].share("image", "auroc").value for name in (best, title)] for method in methods]
    gaps = [first - second for first, second in pairs if first is not None and second is not None]
    if title == best or len(gaps) < 2:
        return None
    return Difference(*t_interval(gaps))


def _means(ranked: Sequence[tuple[str, Number]], methods: Sequence[dict[str, Detector]]) -> Table:
    """Threshold-free numbers and the cost."""
    cells = []
    for title, mean in ranked:
        detectors = [method[title] for method in methods]
        each = [value for d in detectors if (value := d.share("image", "auroc").value) is not None]
        line = [cell(mean, "decimal"), *(Cell(text.decimal(end(each)) if each else text.DASH) for end in (min, max))]
        line += [
            cell(_mean(methods, title, "average_precision"), "decimal"),
            cell(_mean(methods, title, "fpr95"), "percent"),
        ]
        line.append(seconds(_plain_mean(d.measured("model_timing", "seconds") for d in detectors)))
        line.append(cell(_plain_mean(d.measured("timing", "ms_per_image") for d in detectors), "compact"))
        line.append(cell(_plain_mean(d.megabytes for d in detectors), "compact"))
        cells.append(line)
    columns = ["mean", "lowest", "highest", "Average precision", "FPR at 95\N{NO-BREAK SPACE}% TPR, %"]
    groups = [("AUROC", 3), ("", 5)]
    return Table("Detector", [*columns, "Fitting", "ms an image", "Model, MB"], _rows(ranked, cells), groups)


def _verdicts(ranked: Sequence[tuple[str, Number]], methods: Sequence[dict[str, Detector]]) -> Table:
    """What happens at the thresholds."""
    rates = ("false_alarm_rate", "detection_rate", "f1")
    cells = [[cell(_mean(methods, title, rate), "percent") for rate in rates] for title, _ in ranked]
    return Table("Detector", ["Normal images flagged, %", "Anomalies flagged, %", "F1, %"], _rows(ranked, cells))


def _rows(ranked: Sequence[tuple[str, Number]], cells: Sequence[list[Cell]]) -> list[Row]:
    several = len(ranked) > 1
    return [
        Row(title, line, chosen=several and k == 0)
        for k, ((title, _), line) in enumerate(zip(ranked, cells, strict=True))
    ]


def _plain_mean(numbers: Iterable[Number]) -> Number:
    """Of times and sizes, which have no interval."""
    known = [number.value for number in numbers if number.value is not None]
    return Number(float(np.mean(known))) if known else Number(reason="not recorded")


def _by_normal(tasks: Ranked, titles: Sequence[str], scores: dict[str, list[Number]]) -> Table:
    """A row a choice of normal, a column a detector."""
    rows = [Row(name, [cell(scores[title][k], "decimal") for title in titles]) for k, (name, _) in enumerate(tasks)]
    return Table("Normal", list(titles), rows)
