"""The anomaly detectors side by side: how well they rank, what their threshold catches, what they find most odd."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkroom.report import chart, contamination, text
from darkroom.report.chart import Chart
from darkroom.report.intervals import Difference, Number, paired_auroc
from darkroom.report.results import Detector, Results, Run, by_seed
from darkroom.report.table import Cell, Figure, Row, Table, cell, figure, seconds

PLOTS = {
    "histogram.png": ("Scores", "scores of normal and anomalous images, and the threshold."),
    "roc.png": ("ROC curve", "ROC curve."),
}

PIXEL = {
    "auroc": "Pixel AUROC",
    "average_precision": "Pixel average precision",
    "aupro": "AUPRO to 30\N{NO-BREAK SPACE}%",
    "best_iou": "Best IoU",
}


@dataclass(frozen=True)
class Task:
    """The detectors of one choice of normal classes; `ranked` is by test AUROC, best first."""

    normal: tuple[str, ...]
    contamination: float
    """The share of anomalous images among those that were fitted on."""
    ranked: list[Detector]
    n_normal: int
    n_anomalous: int
    seeds: int
    rule: str
    lead: Difference | None
    """AUROC of the best detector over the second, on the same test images."""
    auroc: Chart
    ranks: Table
    places: Table
    """Pixel metrics."""
    no_pixels: str
    left_out: int
    """Anomalous test images that pixel metrics do not count, as it is not known where their anomaly is."""
    verdicts: Table
    by_class: Table
    galleries: list[tuple[str, list[Figure]]]
    plots: list[Figure]

    @property
    def best(self) -> Detector:
        return self.ranked[0]

    @property
    def normal_text(self) -> str:
        return contamination.mixed(self.normal, self.contamination)

    @property
    def classes_text(self) -> str:
        return text.listed(self.normal)

    @property
    def share_text(self) -> str:
        return contamination.percent(self.contamination)


def section(results: Results) -> list[Task]:
    """The tasks in the config's order; empty when there is no detector to show."""
    tasks = dict.fromkeys(d.task for d in results.detectors)
    return [_task(results, [d for d in results.detectors if d.task == task]) for task in tasks]


def auroc(detector: Detector) -> Number:
    """How often an anomalous image scores above a normal one."""
    return detector.share("image", "auroc")


def _task(results: Results, found: list[Detector]) -> Task:
    def order(detector: Detector) -> float:
        value = auroc(detector).value
        return -value if value is not None else 1.0

    ranked = sorted(found, key=order)
    first = ranked[0].first.metrics
    return Task(
        normal=results.normal[ranked[0].task],
        contamination=results.contamination[ranked[0].task],
        ranked=ranked,
        n_normal=int(first.get("n_normal", 0)),
        n_anomalous=int(first.get("n_anomalous", 0)),
        seeds=max(len(d.runs) for d in ranked),
        rule=str(first.get("threshold_rule", "")),
        lead=_lead(*ranked[:2]) if len(ranked) > 1 else None,
        auroc=chart.numbers([(d.title, auroc(d)) for d in ranked], "decimal", chosen=0),
        ranks=_ranks(ranked),
        places=_places(ranked),
        no_pixels=_no_pixels(ranked),
        left_out=max(int(run.metrics.get("pixel_left_out", 0)) for d in ranked for run in d.runs),
        verdicts=_verdicts(ranked),
        by_class=_by_class(ranked),
        galleries=[(d.title, _gallery(d)) for d in ranked],
        plots=[plot for d in ranked for name in PLOTS for plot in _plot(d, name)],
    )


def _lead(best: Detector, second: Detector) -> Difference | None:
    first, other, kinds = [], [], []
    for run, against in by_seed(best, second):
        mine, theirs = _scores(run), _scores(against)
        if mine is None or theirs is None or not np.array_equal(mine[1], theirs[1]):
            return None
        first.append(mine[0])
        other.append(theirs[0])
        kinds.append(mine[1])
    if not kinds or any(not np.array_equal(k, kinds[0]) for k in kinds) or len(set(kinds[0])) < 2:
        return None
    return paired_auroc(first, other, kinds[0])


def _scores(run: Run) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
    table = run.table("scores.parquet")
    if table is None or not {"split", "score", "anomalous"} <= set(table):
        return None
    test = table[table["split"] == "test"]
    return test["score"].to_numpy(dtype=np.float64), test["anomalous"].to_numpy(dtype=bool)


def _table(ranked: list[Detector], columns: list[str], cells: list[list[Cell]]) -> Table:
    rows = [
        Row(d.title, line, chosen=i == 0 and len(ranked) > 1)
        for i, (d, line) in enumerate(zip(ranked, cells, strict=True))
    ]
    return Table("Detector", columns, rows)


def _ranks(ranked: list[Detector]) -> Table:
    """Threshold-free numbers and the cost."""
    parts = ("auroc", "average_precision")
    cells = []
    for d in ranked:
        line = [cell(d.share("image", part), "decimal") for part in parts]
        line.append(cell(d.share("image", "fpr95"), "percent"))
        line.append(seconds(d.measured("model_timing", "seconds")))
        line.append(cell(d.measured("timing", "ms_per_image"), "compact"))
        cells.append(line)
    columns = ["AUROC", "Average precision", "FPR at 95\N{NO-BREAK SPACE}% TPR, %"]
    return _table(ranked, [*columns, "Fitting", "ms an image"], cells)


def _places(ranked: list[Detector]) -> Table:
    """How well maps show where the anomalies are."""
    cells = [[cell(d.share("pixel", part), "decimal") for part in PIXEL] for d in ranked]
    return _table(ranked, list(PIXEL.values()), cells)


def _no_pixels(ranked: list[Detector]) -> str:
    """Why no detector has pixel metrics; empty when one does."""
    reasons = [run.metrics.get("pixel", {}).get("reason", "") for d in ranked for run in d.runs]
    return str(reasons[0]) if all(reasons) else ""


def _verdicts(ranked: list[Detector]) -> Table:
    """What happens at the threshold."""
    cells = []
    for d in ranked:
        line = [cell(d.number("threshold"), "compact")]
        line += [cell(d.share("image", m), "percent") for m in ("false_alarm_rate", "detection_rate", "f1")]
        cells.append(line)
    columns = ["Threshold", "Normal images flagged, %", "Anomalies flagged, %", "F1, %"]
    return _table(ranked, columns, cells)


def _by_class(ranked: list[Detector]) -> Table:
    """Which kinds of anomaly are found: AUROC against the normal images, and how many are flagged."""
    names = dict.fromkeys(name for d in ranked for name in d.named("by_class"))
    rows = []
    for name in names:
        cells = [_items(ranked[0], name)]
        for d in ranked:
            flagged = d.measured("metrics", "by_class", name, "flagged")
            cells.append(cell(d.share("by_class", name, "auroc"), "decimal"))
            cells.append(Cell(text.count(flagged.value)) if flagged.value is not None else cell(flagged, "compact"))
        rows.append(Row(name, cells))
    groups = [("", 1), *((d.title, 2) for d in ranked)]
    return Table("Class", ["Test images", *["AUROC", "flagged"] * len(ranked)], rows, groups)


def _items(detector: Detector, name: str) -> Cell:
    items = detector.measured("metrics", "by_class", name, "items")
    return Cell(text.count(items.value)) if items.value is not None else cell(items, "compact")


def _gallery(detector: Detector) -> list[Figure]:
    caption = "The test images it finds most anomalous: input, what it makes of it, and where they differ."
    path = detector.first.folder / "evaluation" / "gallery.png"
    return figure(path, f"Most anomalous test images by {detector.title}", f"{detector.title}. {caption}")


def _plot(detector: Detector, name: str) -> list[Figure]:
    what, caption = PLOTS[name]
    path = detector.first.folder / "evaluation" / name
    return figure(path, f"{what} of {detector.title}", f"{detector.title}: {caption}")
