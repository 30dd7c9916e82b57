"""The anomaly detectors side by side: how well they rank, what their threshold catches, where they err, which to use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from darkroom.report.intervals import Difference, Number, paired_auroc
from darkroom.report.parts import chart
from darkroom.report.parts.chart import Chart
from darkroom.report.parts.examples import Examples, examples
from darkroom.report.parts.table import Cell, Figure, Row, Table, cell, figure, say, seconds
from darkroom.report.results import Detector, Results, Run, by_seed
from darkroom.report.sections import contamination
from darkroom.report.words import text
from darkroom.report.words.choice import Candidate, Choice, choose

PLOTS = {
    "histogram.png": ("Scores", "scores of normal and anomalous images, and the threshold."),
    "roc.png": ("ROC curve", "anomalies flagged against normal images flagged, over all thresholds (ROC curve)."),
}

PIXEL = {
    "auroc": "Pixel AUROC",
    "average_precision": "Pixel average precision",
    "aupro": "AUPRO to 30\N{NO-BREAK SPACE}%",
    "best_iou": "Best IoU",
}


FEW = 3
"""With more tasks than this, each shows the pictures of its best detector alone."""
LISTED = 1000
"""Images of all ranked lists together."""


@dataclass(frozen=True)
class Pictures:
    """Test images and plots of one detector."""

    title: str
    examples: Examples | None
    plots: list[Figure]


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
    choice: Choice
    lead: Difference | None
    """AUROC of the best detector over the second, on the same test images."""
    auroc: Chart
    league: Table
    backbone: bool
    """Whether a detector looks through a network that is not part of its size."""
    places: Table
    """Pixel metrics."""
    no_pixels: str
    left_out: int
    """Anomalous test images that pixel metrics do not count, as it is not known where their anomaly is."""
    rule: str
    kept: Markup
    """Whether the best detector's threshold kept the share of false alarms that it asked for."""
    verdicts: Table
    by_class: list[tuple[str, Table]]
    """Of each detector, the classes of anomalies."""
    classes: Table
    """AUROC of all detectors by class."""
    pictures: list[Pictures]
    """The best detector's first."""

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
    tasks = list(dict.fromkeys(d.task for d in results.detectors))
    return [
        _task(results, [d for d in results.detectors if d.task == task], k, len(tasks)) for k, task in enumerate(tasks)
    ]


def auroc(detector: Detector) -> Number:
    """How often an anomalous image scores above a normal one."""
    return detector.share("image", "auroc")


def _task(results: Results, found: list[Detector], number: int, tasks: int) -> Task:
    def order(detector: Detector) -> float:
        value = auroc(detector).value
        return -value if value is not None else 1.0

    ranked = sorted(found, key=order)
    best, first = ranked[0], ranked[0].first.metrics
    pictured = ranked if tasks <= FEW else ranked[:1]
    listed = [LISTED // tasks, *[0] * (len(pictured) - 1)]
    return Task(
        normal=results.normal[best.task],
        contamination=results.contamination[best.task],
        ranked=ranked,
        n_normal=int(first.get("n_normal", 0)),
        n_anomalous=int(first.get("n_anomalous", 0)),
        seeds=max(len(d.runs) for d in ranked),
        choice=_choice(ranked),
        lead=_lead(*ranked[:2]) if len(ranked) > 1 else None,
        auroc=chart.numbers([(d.title, auroc(d)) for d in ranked], "decimal", chosen=0),
        league=_league(ranked),
        backbone=any(_looks_through(d.first.model.get("plugin", {})) for d in ranked),
        places=_places(ranked),
        no_pixels=_no_pixels(ranked),
        left_out=max(int(run.metrics.get("pixel_left_out", 0)) for d in ranked for run in d.runs),
        rule=str(first.get("threshold_rule", "")),
        kept=_kept(best),
        verdicts=_verdicts(ranked),
        by_class=[(d.title, table) for d in ranked if (table := _by_class(d)).rows],
        classes=_classes(ranked),
        pictures=[
            Pictures(d.title, examples(d, f"sheet-{number}-{k}", most), [f for name in PLOTS for f in _plot(d, name)])
            for k, (d, most) in enumerate(zip(pictured, listed, strict=True))
        ],
    )


def _choice(ranked: list[Detector]) -> Choice:
    """Of those that are to be compared: a detector that saw labels of anomalies is left aside where others did not."""
    fair = [d for d in ranked if not d.labels_seen] or ranked
    best, *others = fair
    candidates = [Candidate(best.title, auroc(best), None, _ms(best))]
    candidates += [Candidate(d.title, auroc(d), _lead(best, d), _ms(d)) for d in others]
    return choose(candidates, left_aside=len(ranked) - len(fair))


def _looks_through(plugin: Any) -> bool:
    """Whether a detector, or one that it is made of, has a frozen network."""
    if isinstance(plugin, list):
        return any(map(_looks_through, plugin))
    return isinstance(plugin, dict) and ("architecture" in plugin or any(map(_looks_through, plugin.values())))


def _ms(detector: Detector) -> Number:
    return detector.measured("timing", "ms_per_image")


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


def _league(ranked: list[Detector]) -> Table:
    """Threshold-free numbers and the cost."""
    cells = []
    for d in ranked:
        line = [cell(d.share("image", part), "decimal") for part in ("auroc", "average_precision")]
        line.append(cell(d.share("image", "fpr95"), "percent"))
        line.append(seconds(d.measured("model_timing", "seconds")))
        line += [cell(_ms(d), "compact"), cell(d.megabytes, "compact")]
        cells.append(line)
    columns = ["AUROC", "Average precision", "FPR at 95\N{NO-BREAK SPACE}% TPR, %"]
    return _table(ranked, [*columns, "Fitting", "ms an image", "Model, MB"], cells)


def _places(ranked: list[Detector]) -> Table:
    """How well maps show where the anomalies are."""
    cells = [[cell(d.share("pixel", part), "decimal") for part in PIXEL] for d in ranked]
    return _table(ranked, list(PIXEL.values()), cells)


def _no_pixels(ranked: list[Detector]) -> str:
    """Why no detector has pixel metrics; empty when one does."""
    reasons = [run.metrics.get("pixel", {}).get("reason", "") for d in ranked for run in d.runs]
    return str(reasons[0]) if all(reasons) else ""


def _asked(detector: Detector) -> Number:
    """The share of false alarms that the threshold's rule aims at."""
    kind = detector.first.metrics.get("threshold_kind", "")
    asked = detector.first.metrics.get("false_alarms_asked")
    return Number(reason=f"{kind} asks for none" if kind else "not recorded") if asked is None else Number(float(asked))


def _kept(detector: Detector) -> Markup:
    asked, gave = _asked(detector), detector.share("image", "false_alarm_rate")
    if asked.value is None:
        return Markup("")
    wanted = f"{text.percent(asked.value)}{text.unit('percent')}"
    if gave.value is None:
        return say("It asked for {} of false alarms; what it gave is not known: {}.", wanted, gave.reason)
    words = say("It asked for {} of false alarms and gave {}", wanted, text.full(gave, "percent"))
    if gave.low is None or gave.high is None:
        return words + Markup(".")
    if gave.low > asked.value:
        return words + Markup(": <b>clearly more than asked for</b>.")
    return words + Markup(
        ": clearly fewer." if gave.high < asked.value else ": what was asked for lies in that interval."
    )


def _verdicts(ranked: list[Detector]) -> Table:
    """What happens at the threshold."""
    cells = []
    for d in ranked:
        asked, gave = _asked(d), d.share("image", "false_alarm_rate")
        more = asked.value is not None and gave.low is not None and gave.low > asked.value
        line = [cell(d.number("threshold"), "compact"), cell(asked, "percent")]
        line.append(cell(gave, "percent", tone="bad" if more else ""))
        line += [cell(d.share("image", m), "percent") for m in ("detection_rate", "f1")]
        cells.append(line)
    columns = ["Threshold", "asked for, %", "given, %", "Anomalies flagged, %", "F1, %"]
    table = _table(ranked, columns, cells)
    return replace(table, groups=[("", 1), ("False alarms", 2), ("", 2)])


def _by_class(detector: Detector) -> Table:
    """Which kinds of anomaly one detector finds, each against all normal images."""
    rows = []
    for name in detector.named("by_class"):
        items, flagged = (detector.measured("metrics", "by_class", name, key) for key in ("items", "flagged"))
        line = [cell(detector.share("by_class", name, part), "decimal") for part in ("auroc", "average_precision")]
        rates = ("fpr95", "detection_rate", "f1")
        line += [cell(detector.share("by_class", name, part), "percent") for part in rates]
        counts = [text.count(n.value) if n.value is not None else text.DASH for n in (flagged, items)]
        rows.append(Row(name, [*line, Cell(counts[0], f"of {counts[1]}")]))
    columns = ["AUROC", "Average precision", "FPR at 95\N{NO-BREAK SPACE}% TPR, %"]
    return Table("Class", [*columns, "Flagged, %", "F1, %", "Flagged images"], rows)


def _classes(ranked: list[Detector]) -> Table:
    """The AUROC of each class of anomalies, a column a detector."""
    names = dict.fromkeys(name for d in ranked for name in d.named("by_class"))
    rows = [Row(name, [cell(d.share("by_class", name, "auroc"), "decimal") for d in ranked]) for name in names]
    return Table("Class", [d.title for d in ranked], rows)


def _plot(detector: Detector, name: str) -> list[Figure]:
    what, caption = PLOTS[name]
    path = detector.first.evaluation_folder / name
    return figure(path, f"{what} of {detector.title}", f"{detector.title}: {caption}")
