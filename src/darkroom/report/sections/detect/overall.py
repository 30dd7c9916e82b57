"""Detectors over several choices of normal, such as each class of a labeled data set in turn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from darkroom.measure.intervals import Difference, Number, over_seeds
from darkroom.measure.seeds import t_interval
from darkroom.report.parts import chart
from darkroom.report.parts.chart import Chart
from darkroom.report.parts.table import Cell, Row, Table, cell, rows, seconds
from darkroom.report.results import UNIT, DetectorRuns
from darkroom.report.sections.detect.choice import Candidate, Choice, choose, milliseconds
from darkroom.report.words import text

Ranked = Sequence[tuple[str, Sequence[DetectorRuns]]]
"""The choices of normal in words, each with its detectors."""
ByTitle = dict[str, DetectorRuns]


@dataclass(frozen=True)
class Overall:
    """Means over the tasks; `ranked` holds the detectors that every task has with their mean AUROC, best first."""

    tasks: int
    ranked: list[tuple[str, Number]]
    used: tuple[str, Number]
    """The recommended detector, or the best if none is."""
    auroc: Chart
    means: Table
    verdicts: Table
    by_normal: Table
    left_out: list[str]
    """Tasks without an AUROC, which the means exclude."""
    hardest: tuple[str, Number] | None
    """The choice of normal on which that detector does worst."""
    rates: dict[str, Number]
    """That detector's shares at its thresholds."""
    choice: Choice


def overall(tasks: Ranked) -> Overall | None:
    """Average over the tasks; None for a single task, or if no detector has results for all of them."""
    methods = [{detector.title: detector for detector in detectors} for _, detectors in tasks]
    titles = [title for title in methods[0] if all(title in method for method in methods)] if len(tasks) > 1 else []
    if not titles:
        return None
    scores = {title: [method[title].share("image", "auroc") for method in methods] for title in titles}
    known = [all(scores[title][k].value is not None for title in titles) for k in range(len(tasks))]
    counted = [method for method, has in zip(methods, known, strict=True) if has] or methods
    ranked = [(title, _mean(counted, title, "auroc")) for title in titles]
    ranked.sort(key=lambda pair: -pair[1].value if pair[1].value is not None else 1.0)
    saw = {d.title for method in methods for d in method.values() if d.labels_seen}
    fair = [pair for pair in ranked if pair[0] not in saw] or ranked
    choice = choose(
        [_candidate(title, mean, fair[0][0], counted) for title, mean in fair], informed=len(ranked) - len(fair)
    )
    used = next((pair for pair in ranked if pair[0] == choice.title), ranked[0])
    lowest = [(name, scores[used[0]][k]) for k, (name, _) in enumerate(tasks) if known[k]]
    order = [title for title, _ in ranked]
    return Overall(
        tasks=len(tasks),
        ranked=ranked,
        used=used,
        auroc=chart.numbers(ranked, "decimal", chosen=order.index(used[0])),
        means=_means(ranked, counted, used[0]),
        verdicts=_verdicts(ranked, counted, used[0]),
        by_normal=_by_normal(tasks, order, scores),
        left_out=[name for (name, _), has in zip(tasks, known, strict=True) if not has],
        hardest=min(lowest, key=lambda pair: pair[1].value or 0.0) if lowest else None,
        rates={rate: _mean(counted, used[0], rate) for rate in ("detection_rate", "false_alarm_rate")},
        choice=choice,
    )


def _mean(methods: Sequence[ByTitle], title: str, *path: str) -> Number:
    """Average over the tasks, with the t-interval of their spread."""
    return over_seeds([method[title].share("image", *path) for method in methods], UNIT)


def _candidate(title: str, mean: Number, best: str, methods: Sequence[ByTitle]) -> Candidate:
    ms = _plain_mean(milliseconds(method[title], list(method.values())) for method in methods)
    return Candidate(title, mean, _behind(title, best, methods), ms)


def _behind(title: str, best: str, methods: Sequence[ByTitle]) -> Difference | None:
    """The best one's AUROC minus this one's, task by task."""
    pairs = [[method[name].share("image", "auroc").value for name in (best, title)] for method in methods]
    gaps = [first - second for first, second in pairs if first is not None and second is not None]
    if title == best or len(gaps) < 2:
        return None
    return Difference(*t_interval(gaps))


def _means(ranked: Sequence[tuple[str, Number]], methods: Sequence[ByTitle], used: str) -> Table:
    """Tabulate threshold-free numbers and cost."""
    cells = []
    for title, mean in ranked:
        detectors = [method[title] for method in methods]
        each = [value for d in detectors if (value := d.share("image", "auroc").value) is not None]
        line = [cell(mean, "decimal"), *(Cell(text.decimal(end(each)) if each else text.DASH) for end in (min, max))]
        line.append(cell(_mean(methods, title, "average_precision"), "decimal"))
        line.append(cell(_mean(methods, title, "fpr95"), "percent"))
        line.append(seconds(_plain_mean(d.measured("model_timing", "seconds") for d in detectors)))
        line.append(cell(_plain_mean(d.measured("timing", "ms_per_image") for d in detectors), "compact"))
        line.append(cell(_plain_mean(d.megabytes for d in detectors), "compact"))
        cells.append(line)
    columns = ["mean", "lowest", "highest", "Average precision", "FPR at 95% TPR, %"]
    groups = [("AUROC", 3), ("", 5)]
    lines = rows([title for title, _ in ranked], cells, chosen=used)
    return Table("Detector", [*columns, "Fitting", "ms per image", "Model, MB"], lines, groups)


def _verdicts(ranked: Sequence[tuple[str, Number]], methods: Sequence[ByTitle], used: str) -> Table:
    """Tabulate what happens at the thresholds."""
    rates = ("false_alarm_rate", "detection_rate", "f1")
    cells = [[cell(_mean(methods, title, rate), "percent") for rate in rates] for title, _ in ranked]
    lines = rows([title for title, _ in ranked], cells, chosen=used)
    return Table("Detector", ["Normal images flagged, %", "Anomalies flagged, %", "F1, %"], lines)


def _plain_mean(numbers: Iterable[Number]) -> Number:
    """Average times and sizes, which have no interval."""
    known = [number.value for number in numbers if number.value is not None]
    return Number(float(np.mean(known))) if known else Number(reason="not recorded")


def _by_normal(tasks: Ranked, titles: Sequence[str], scores: dict[str, list[Number]]) -> Table:
    """Tabulate one row per choice of normal, one column per detector."""
    lines = [Row(name, [cell(scores[title][k], "decimal") for title in titles]) for k, (name, _) in enumerate(tasks)]
    return Table("Normal", list(titles), lines)
