"""Tables of the detectors of one task: ranking, maps, thresholds, classes of anomalies."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from darkroom.measure.intervals import Number
from darkroom.report.parts.table import Cell, Row, Table, cell, rows, seconds
from darkroom.report.results import DetectorRuns
from darkroom.report.sections.detect.choice import CHANCE
from darkroom.report.words import text
from darkroom.report.words.text import say

PIXEL = {
    "auroc": "Pixel AUROC",
    "average_precision": "Pixel average precision",
    "aupro": "AUPRO up to 30% FPR",
    "best_iou": "Best IoU",
}
RANKING = ["AUROC", "Average precision", "FPR at 95% TPR, %"]


def league(ranked: Sequence[DetectorRuns], used: DetectorRuns) -> Table:
    """Tabulate threshold-free numbers and cost; numbers that the evaluation adds on request only if it has them."""
    recall, twins = _recall(used), any(twins_removed(d) for d in ranked)
    added = [f"FPR at {text.share(recall)} TPR, %"] if recall not in (None, 0.95) else []
    cells = []
    for d in ranked:
        line = [_auroc(d, "image")]
        line += [cell(d.share("without_twins", "auroc"), "decimal")] if twins else []
        line += [cell(d.share("image", "average_precision"), "decimal"), cell(d.share("image", "fpr95"), "percent")]
        line += [cell(d.share("image", "fpr_at_recall"), "percent")] if added else []
        line.append(seconds(d.measured("model_timing", "seconds")))
        cells.append([*line, cell(d.measured("timing", "ms_per_image"), "compact"), cell(d.megabytes, "compact")])
    first, *others = RANKING
    columns = [first, *(["without near-duplicates"] if twins else []), *others, *added]
    return _table(ranked, used, [*columns, "Fitting", "ms per image", "Model, MB"], cells)


def twins_removed(detector: DetectorRuns) -> int:
    """Return how many test images have a near-duplicate in training."""
    return int((detector.first.metrics.get("without_twins") or {}).get("items", 0))


def maps(ranked: Sequence[DetectorRuns], used: DetectorRuns) -> Table:
    """Tabulate how well maps locate the anomalies."""
    cells = [[cell(d.share("pixel", part), "decimal") for part in PIXEL] for d in ranked]
    return _table(ranked, used, list(PIXEL.values()), cells)


def no_pixels(ranked: Sequence[DetectorRuns]) -> str:
    """Say why no detector of images has pixel metrics; empty if one does, and for other samples."""
    if ranked[0].first.model.get("samples", "image") != "image":
        return ""
    reasons = [run.metrics.get("pixel", {}).get("reason", "") for d in ranked for run in d.runs]
    return str(reasons[0]) if all(reasons) else ""


def thresholds(ranked: Sequence[DetectorRuns], used: DetectorRuns) -> Table:
    """Tabulate what happens at the threshold."""
    by_recall = any(_target_recall(d).value is not None for d in ranked)
    cells = []
    for d in ranked:
        asked, gave = _asked(d), d.share("image", "false_alarm_rate")
        more = asked.value is not None and gave.low is not None and gave.low > asked.value
        line = [cell(d.number("threshold"), "compact"), cell(asked, "percent")]
        line.append(cell(gave, "percent", tone="bad" if more else ""))
        line += [cell(_target_recall(d), "percent")] if by_recall else []
        cells.append([*line, *(cell(d.share("image", m), "percent") for m in ("detection_rate", "f1"))])
    flagged = ["target, %", "actual, %"] if by_recall else ["Anomalies flagged, %"]
    groups = [("", 1), ("False alarms", 2), ("Anomalies flagged" if by_recall else "", len(flagged)), ("", 1)]
    return _table(ranked, used, ["Threshold", "target, %", "actual, %", *flagged, "F1, %"], cells, groups)


def kept(detector: DetectorRuns) -> Markup:
    """Say whether the threshold kept the rate of false alarms or of anomalies that it aims at; empty if it aims at none."""
    asked, gave = _asked(detector), detector.share("image", "false_alarm_rate")
    wanted, found = _target_recall(detector), detector.share("image", "detection_rate")
    if wanted.value is not None:
        words = say("It aims at finding {} of the anomalies and flags", text.share(wanted.value))
        return words + say(" {}, at {} false alarms.", text.full(found, "percent"), text.full(gave, "percent"))
    if asked.value is None:
        return Markup("")
    target = text.share(asked.value)
    if gave.value is None:
        return say("It aims at {} false alarms; the actual rate is unknown: {}.", target, gave.reason)
    words = say("It aims at {} false alarms and gives {}", target, text.full(gave, "percent"))
    if gave.low is None or gave.high is None:
        return words + Markup(".")
    if gave.low > asked.value:
        return words + Markup(": <b>clearly more than the target</b>.")
    return words + Markup(": clearly fewer." if gave.high < asked.value else ": the target lies in that interval.")


def by_class(detector: DetectorRuns) -> Table:
    """Tabulate the classes of anomalies, each against all normal images, for one detector."""
    lines = []
    for name in detector.named("by_class"):
        items, flagged = (detector.measured("metrics", "by_class", name, key) for key in ("items", "flagged"))
        line = [_auroc(detector, "by_class", name)]
        line.append(cell(detector.share("by_class", name, "average_precision"), "decimal"))
        rates = ("fpr95", "detection_rate", "f1")
        line += [cell(detector.share("by_class", name, part), "percent") for part in rates]
        counts = [text.count(n.value) if n.value is not None else text.DASH for n in (flagged, items)]
        lines.append(Row(name, [*line, Cell(counts[0], f"of {counts[1]}")]))
    return Table("Class", [*RANKING, "Flagged, %", "F1, %", "Flagged images"], lines)


def classes(ranked: Sequence[DetectorRuns]) -> Table:
    """Tabulate the AUROC of each class of anomalies, one column per detector."""
    names = dict.fromkeys(name for d in ranked for name in d.named("by_class"))
    lines = [Row(name, [_auroc(d, "by_class", name) for d in ranked]) for name in names]
    return Table("Class", [d.title for d in ranked], lines)


def _auroc(detector: DetectorRuns, *path: str) -> Cell:
    """An AUROC, marked if it is below chance."""
    score = detector.share(*path, "auroc")
    return cell(score, "decimal", tone="bad" if score.value is not None and score.value < CHANCE else "")


def _asked(detector: DetectorRuns) -> Number:
    """The false-alarm rate that the threshold's rule aims at."""
    kind = detector.first.metrics.get("threshold_kind", "")
    asked = detector.first.metrics.get("false_alarms_asked")
    return Number(reason=f"{kind} has no target" if kind else "not recorded") if asked is None else Number(float(asked))


def _recall(detector: DetectorRuns) -> float | None:
    recall = detector.first.metrics.get("recall_asked")
    return None if recall is None else float(recall)


def _target_recall(detector: DetectorRuns) -> Number:
    """The share of anomalies that the threshold's rule aims at."""
    kind = detector.first.metrics.get("threshold_kind", "")
    recall = _recall(detector) if kind == "recall" else None
    return Number(recall) if recall is not None else Number(reason=f"{kind} has no target" if kind else "not recorded")


def _table(
    ranked: Sequence[DetectorRuns],
    used: DetectorRuns,
    columns: list[str],
    cells: list[list[Cell]],
    groups: Sequence[tuple[str, int]] = (),
) -> Table:
    return Table("Detector", columns, rows([d.title for d in ranked], cells, chosen=used.title), list(groups))
