"""One choice of normal classes: its detectors compared on the same test images, and what the recommended one does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from darkroom.measure.intervals import Difference, Number, paired_auroc
from darkroom.report.parts import chart
from darkroom.report.parts.chart import Chart
from darkroom.report.parts.table import Figure, Table, figure
from darkroom.report.results import DetectorRuns, Results, Run, by_seed
from darkroom.report.sections.detect import tables
from darkroom.report.sections.detect.choice import CHANCE, Candidate, Choice, choose, milliseconds
from darkroom.report.sections.detect.examples import Examples, examples
from darkroom.report.words import text
from darkroom.report.words.finding import Finding
from darkroom.report.words.nouns import worded
from darkroom.report.words.text import say

PLOTS = {
    "histogram.png": ("Scores", "scores of normal and anomalous images, and the threshold."),
    "roc.png": ("ROC curve", "anomalies flagged against normal images flagged, over all thresholds (ROC curve)."),
}
FEW = 3
"""With more tasks than this, each shows the images of its recommended detector only."""
LISTED = 1000
"""Images in all ranked lists together."""


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
    """Share of anomalous images among those that the detectors were fitted on."""
    ranked: list[DetectorRuns]
    used: DetectorRuns
    """The recommended detector, or the best if none is."""
    n_normal: int
    n_anomalous: int
    seeds: int
    choice: Choice
    lead: Difference | None
    """AUROC of the best detector minus that of the second, on the same test images."""
    auroc: Chart
    league: Table
    backbone: bool
    """Whether a detector uses a frozen network, which its size does not include."""
    maps: Table
    no_pixels: str
    left_out: int
    """Anomalous test images that pixel metrics exclude, as their anomaly has no mask."""
    rule: str
    kept: Markup
    """Whether the recommended detector's threshold kept its target for false alarms."""
    thresholds: Table
    by_class: list[tuple[str, Table]]
    """The classes of anomalies by detector, the recommended one first."""
    classes: Table
    """AUROC of all detectors by class."""
    pictures: list[Pictures]
    """The recommended detector's first."""

    @property
    def normal_text(self) -> str:
        return text.normal(self.normal, self.contamination)

    @property
    def classes_text(self) -> str:
        return text.normal(self.normal)

    @property
    def share_text(self) -> str:
        return text.share(self.contamination)


def auroc(detector: DetectorRuns) -> Number:
    """Return how often an anomalous image scores above a normal one."""
    return detector.share("image", "auroc")


def task(results: Results, found: list[DetectorRuns], number: int, tasks: int) -> Task:
    """Compare the detectors of one task; `number` of `tasks` shares out the ranked list."""

    def order(detector: DetectorRuns) -> float:
        value = auroc(detector).value
        return -value if value is not None else 1.0

    ranked = sorted(found, key=order)
    choice = _choice(ranked)
    used = next((d for d in ranked if d.title == choice.title), ranked[0])
    first = [used, *(d for d in ranked if d is not used)]
    metrics = used.first.metrics
    pictured = first if tasks <= FEW else first[:1]
    listed = [LISTED // tasks, *[0] * (len(pictured) - 1)]
    return Task(
        normal=results.normal[used.task],
        contamination=results.contamination[used.task],
        ranked=ranked,
        used=used,
        n_normal=int(metrics.get("n_normal", 0)),
        n_anomalous=int(metrics.get("n_anomalous", 0)),
        seeds=max(len(d.runs) for d in ranked),
        choice=choice,
        lead=_lead(*ranked[:2]) if len(ranked) > 1 else None,
        auroc=chart.numbers([(d.title, auroc(d)) for d in ranked], "decimal", chosen=ranked.index(used)),
        league=tables.league(ranked, used),
        backbone=any(_has_backbone(d.first.model.get("plugin", {})) for d in ranked),
        maps=tables.maps(ranked, used),
        no_pixels=tables.no_pixels(ranked),
        left_out=max(int(run.metrics.get("pixel_left_out", 0)) for d in ranked for run in d.runs),
        rule=worded(str(metrics.get("threshold_rule", ""))),
        kept=tables.kept(used),
        thresholds=tables.thresholds(ranked, used),
        by_class=[(d.title, table) for d in first if (table := tables.by_class(d)).rows],
        classes=tables.classes(ranked),
        pictures=[
            Pictures(d.title, examples(d, f"sheet-{number}-{k}", most), [f for name in PLOTS for f in _plot(d, name)])
            for k, (d, most) in enumerate(zip(pictured, listed, strict=True))
        ],
    )


def findings(task: Task) -> Iterator[Finding]:
    """Say which detector to use, what its threshold does, and which detectors are worse than chance."""
    words = say("Normal is <b>{}</b>. {}", task.normal_text, task.choice.words)
    rates = {"false_alarm_rate": "of the normal test images", "detection_rate": "of the anomalies"}
    shares = [(task.used.share("image", name), of) for name, of in rates.items()]
    known = [say("{} {}", text.full(share, "percent"), worded(of)) for share, of in shares if share.value is not None]
    flagged = Markup(" and ").join(known) if known else "an unknown share"
    words += say(" The threshold of <b>{}</b> flags {}.", task.used.title, flagged)
    verdict, tone = "measured", "note"
    if task.lead is not None:
        verdict, tone = ("clear difference", "good") if task.lead.clear else ("no clear difference", "even")
    yield Finding("Anomalies", verdict, tone, words)
    if removed := tables.twins_removed(task.used):
        without = task.used.share("without_twins", "auroc")
        words = say("{} a near-duplicate in training", text.plural(removed, "test image has", "test images have"))
        words += say("; without them, the AUROC of <b>{}</b> is {}.", task.used.title, text.full(without, "decimal"))
        words += Markup(" <code>data.split.regroup: true</code> keeps near-duplicates in one split.")
        yield Finding("Anomalies", "leak", "bad", words)
    yield from below_chance([(d.title, auroc(d)) for d in task.ranked], task.normal_text)


def below_chance(scores: Sequence[tuple[str, Number]], normal: str) -> Iterator[Finding]:
    """Call out detectors that score normal images above anomalies."""
    for title, score in scores:
        if score.value is not None and score.value < CHANCE:
            sure = score.high is not None and score.high < CHANCE
            words = say("With <b>{}</b> as normal, <b>{}</b>", normal, title)
            words += say(" scores normal images above anomalies: AUROC {}", text.full(score, "decimal"))
            words += Markup(". Its scores say the opposite of what they should; do not use it.")
            yield Finding("Anomalies", "below chance" if sure else "no better than chance", "bad", words)


def _choice(ranked: list[DetectorRuns]) -> Choice:
    """Choose among comparable detectors: one that saw labels of anomalies is left out if others did not."""
    fair = [d for d in ranked if not d.labels_seen] or ranked
    best, *others = fair
    candidates = [Candidate(best.title, auroc(best), None, milliseconds(best, ranked))]
    candidates += [Candidate(d.title, auroc(d), _lead(best, d), milliseconds(d, ranked)) for d in others]
    return choose(candidates, informed=len(ranked) - len(fair))


def _has_backbone(plugin: Any) -> bool:
    """Return whether a detector, or one that it is made of, uses a frozen network."""
    if isinstance(plugin, list):
        return any(map(_has_backbone, plugin))
    return isinstance(plugin, dict) and ("backbone" in plugin or any(map(_has_backbone, plugin.values())))


def _lead(best: DetectorRuns, second: DetectorRuns) -> Difference | None:
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


def _plot(detector: DetectorRuns, name: str) -> list[Figure]:
    what, caption = PLOTS[name]
    path = detector.first.evaluation_folder / name
    return figure(path, f"{what} of {detector.title}", f"{detector.title}: {worded(caption)}")
