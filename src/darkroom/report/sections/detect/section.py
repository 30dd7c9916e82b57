"""The anomaly detectors: one choice of normal classes after another, and the means over all of them."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from darkroom.report.results import Results
from darkroom.report.section import Answer, Section
from darkroom.report.sections.detect import task
from darkroom.report.sections.detect.overall import Overall, overall
from darkroom.report.sections.detect.task import Task, auroc
from darkroom.report.words import text
from darkroom.report.words.finding import Finding, Tile, bracketed, tile
from darkroom.report.words.nouns import worded
from darkroom.report.words.text import say

MOST = 4
"""Tasks spelled out in the answer."""
RATES = {
    "detection_rate": ("Anomalies flagged", "at the threshold"),
    "false_alarm_rate": ("False alarms", "normal test images flagged"),
}


@dataclass(frozen=True)
class Detectors:
    """The section's content: tasks in the config's order, and their means if there are several."""

    tasks: list[Task]
    overall: Overall | None


def read(results: Results) -> Detectors | None:
    """Compare the detectors of every task; None if there are none."""
    names = list(dict.fromkeys(d.task for d in results.detectors))
    if not names:
        return None
    found = [[d for d in results.detectors if d.task == name] for name in names]
    tasks = [task.task(results, members, k, len(names)) for k, members in enumerate(found)]
    clean = [(each.normal_text, each.ranked) for each in tasks if not each.contamination]
    return Detectors(tasks, overall(clean) if clean else None)


def answer(found: Detectors) -> Answer:
    """Head the page with the recommended detector's AUROC, if the test split has anomalies."""
    findings: list[Finding] = []
    if found.overall is not None and found.overall.used[1].value is not None:
        findings.append(_overall(found.overall))
        for each in found.tasks:
            findings += task.below_chance([(each.used.title, auroc(each.used))], each.normal_text)
    else:
        findings += [finding for each in found.tasks[:MOST] for finding in task.findings(each)]
    if not any(each.n_anomalous for each in found.tasks):  # nothing to rank detectors by, and nothing to head a page
        return Answer(findings=findings)
    return Answer(_headline(found), tiles=_tiles(found), findings=findings)


SECTION = Section("detect", "Detect", read, answer, rank=2)


def _headline(found: Detectors) -> Markup:
    first, overall = found.tasks[0], found.overall
    if overall is not None and overall.used[1].value is not None:
        title, mean = overall.used
        words = say("Over {} choices of normal, <b>{}</b> separates anomalies with a mean AUROC", overall.tasks, title)
        return words + say(" of <b>{}</b>", text.decimal(mean.value or 0.0)) + bracketed(mean, "decimal")
    score = auroc(first.used)
    if score.value is None:
        return say("With <b>{}</b> as normal, detectors cannot be ranked: {}", first.normal_text, score.reason)
    words = say("With <b>{}</b> as normal, <b>{}</b> separates", first.normal_text, first.used.title)
    words += say(" anomalies with an AUROC of <b>{}</b>", text.decimal(score.value))
    return words + bracketed(score, "decimal")


def _tiles(found: Detectors) -> list[Tile]:
    first, overall = found.tasks[0], found.overall
    if overall is not None:
        title, score = overall.used
        head = tile("Anomaly AUROC", score, "decimal", f"{title}, mean over {overall.tasks} choices of normal")
    else:
        note = f"{first.used.title}, normal: {first.normal_text}"
        head = tile("Anomaly AUROC", auroc(first.used), "decimal", note)
    shares = overall.rates if overall else {rate: first.used.share("image", rate) for rate in RATES}
    return [head, *(tile(label, shares[rate], "percent", worded(note)) for rate, (label, note) in RATES.items())]


def _overall(overall: Overall) -> Finding:
    """The means over all tasks, and which detector to use."""
    words = say("Means over {} choices of normal. {}", overall.tasks, overall.choice.words)
    if overall.hardest is not None:
        name, lowest = overall.hardest
        words += say(" <b>{}</b> does worst with <b>{}</b> as normal:", overall.used[0], name)
        words += say(" {}.", text.full(lowest, "decimal"))
    return Finding("Anomalies", "measured", "note", words)
