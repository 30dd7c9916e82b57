"""The table of the groups that a source names."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from darkroom.measure.intervals import Number
from darkroom.report.sections.classify import tables


def classifier(count: int) -> Any:
    """Runs of a classifier, right in a larger share of each further group."""
    names = [f"group {k}" for k in range(count)]
    groups = {name: {"confusions": [{"true": "a", "predicted": "b", "items": 1}]} for name in names}
    return SimpleNamespace(
        named=lambda *path: names[::-1],
        share=lambda part, name, what: Number(names.index(name) / 100, 0, 1),
        measured=lambda *path: Number(9),
        first=SimpleNamespace(metrics={"by_group": groups}),
    )


def test_the_lowest_groups_come_first_and_many_are_cut() -> None:
    few, many = tables.groups(classifier(3)), tables.groups(classifier(143))
    assert few is not None
    assert many is not None
    assert (few.first, [row.title for row in few.rows]) == ("Group", ["group 0", "group 1", "group 2"])
    assert few.rows[0].cells[2].main == "a as b (1)"
    assert (many.first, len(many.rows)) == ("20 worst of 143 groups", 20)
    assert tables.groups(classifier(0)) is None


def test_the_largest_errors_come_first() -> None:
    table = tables.worst_groups(
        classifier(3),
        {"MAE, age": "mae/0"},
        lambda name, key: Number(int(name[-1])),
        style="compact",
        errors=True,
    )
    assert table is not None
    assert [row.title for row in table.rows] == ["group 2", "group 1", "group 0"]
    assert table.columns == ["MAE, age", "Test items"]
