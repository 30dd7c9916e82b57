"""Choose the model to register as the report does, and keep what the report says of it for the model card."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from darkroom.report.config import BuildSpec
from darkroom.report.parts.table import Table
from darkroom.report.results import Results, Run, read
from darkroom.report.section import Answer
from darkroom.report.sections.classify import section as classify
from darkroom.report.sections.classify.labels import Labels
from darkroom.report.sections.classify.numbers import Numbers
from darkroom.report.sections.detect import section as detect
from darkroom.report.unfinished import Unfinished
from darkroom.report.words.text import say
from darkroom.serve.registry.config import PackageSpec


@dataclass(frozen=True)
class Chosen:
    """The model to register: the first seed of the best method."""

    method: str
    """`POLICY/MODEL` of a classifier, `TASK/DETECTOR` of a detector."""
    run: Run
    answer: Answer
    """The headline and how it was chosen."""
    by_validation: bool
    """Whether validation images chose it, or there was nothing to choose; else the test images did."""
    tables: list[tuple[str, Table]]
    """What was measured, by title."""
    weak: list[str] | None
    """Classes or labels clearly below the others; None if it has none."""


def choose(spec: PackageSpec, data: Path, results: Path) -> tuple[Chosen, Results]:
    """Choose among the models in `spec`. Raises ValueError if no detector can be recommended, or results are missing."""
    wanted = BuildSpec(
        name=spec.name, policies=[], classifiers=spec.classifiers, generators=[], detectors=spec.detectors
    )
    found = read(wanted, data, results, Unfinished())
    if found.missing:
        raise ValueError(f"{results} lacks {', '.join(found.missing)}; run the workflow")
    return (_classifier(found) if spec.kind == "classifier" else _detector(found)), found


def _classifier(results: Results) -> Chosen:
    content = classify.read(results)
    assert content is not None, "there are classifiers"
    best = content.ranked[0]
    answer, method = classify.answer(content), "/".join(best.keys)
    fair = content.by_validation or len(content.ranked) == 1
    if isinstance(content, Labels):
        tables = [("Compared with others", content.accuracy), ("By label", content.labels), *_by_group(content.groups)]
        return Chosen(method, best.first, answer, fair, [*tables, ("Calibration", content.calibration)], content.weak)
    if isinstance(content, Numbers):
        tables = [("Compared with others", content.accuracy), ("By number", content.each), *_by_group(content.groups)]
        return Chosen(method, best.first, answer, fair, tables, None)
    tables = [
        ("Compared with others", content.accuracy),
        ("By class", content.classes.table),
        *_by_group(content.groups),
    ]
    return Chosen(
        method, best.first, answer, fair, [*tables, ("Calibration", content.calibration)], content.classes.weak
    )


def _by_group(groups: Table | None) -> list[tuple[str, Table]]:
    return [("By group", groups)] if groups else []


def _detector(results: Results) -> Chosen:
    content = detect.read(results)
    assert content is not None, "there are detectors"
    [task] = content.tasks
    if task.choice.title is None:
        raise ValueError(f"with {task.normal_text} as normal, nothing is registered: {task.choice.words.striptags()}")
    tables = [("Compared with others", task.league), ("At the thresholds", task.thresholds)]
    tables += [(f"Anomalies by class, {title}", table) for title, table in task.by_class[:1]]
    answer = replace(detect.answer(content), basis=say("{}", task.choice.words))
    return Chosen("/".join(task.used.keys), task.used.first, answer, len(task.ranked) == 1, tables, None)
