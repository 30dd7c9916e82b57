"""Lines with intervals on common axes."""

from __future__ import annotations

import pytest

from darkroom.measure.intervals import Number
from darkroom.report.parts.curves import BOTTOM, LEFT, RIGHT, TOP, curves


@pytest.mark.parametrize("log", [False, True])
def test_curves_stay_within_their_axes_and_rise_with_their_numbers(log: bool) -> None:
    rows = {x: Number(0.5 / x, 0.4 / x, 0.6 / x) for x in (2.0, 8.0, 64.0)}
    found = {"a": rows, "b": {2.0: Number(0.1), 8.0: Number(reason="lost"), 64.0: Number(0.2, 0.0, 0.3)}, "c": {}}
    drawn = curves("error", "size", found, {x: f"{x:g}" for x in rows}, log_x=log, log_y=log)
    points = [point for line in drawn.lines for point in line.points]
    assert all(LEFT <= p.x <= RIGHT and TOP <= p.y <= BOTTOM for p in points)
    assert all(p.high <= p.y <= p.low for p in points if p.low is not None and p.high is not None)
    assert [p.y for p in drawn.lines[0].points] == sorted(p.y for p in drawn.lines[0].points)
    assert [len(line.points) for line in drawn.lines] == [3, 2, 0]
    assert all(TOP <= place <= BOTTOM for place, _ in drawn.y_ticks)
    assert len(drawn.y_ticks) >= 2


def test_many_lines_stay_within_the_axes() -> None:
    drawn = curves(
        "AUROC", "share", {str(k): {0.0: Number(0.9), 1.0: Number(0.8)} for k in range(20)}, {0.0: "", 1.0: ""}
    )
    assert all(LEFT <= point.x <= RIGHT for line in drawn.lines for point in line.points)


def test_equal_numbers_have_a_curve_too() -> None:
    drawn = curves("AUROC", "share", {"a": {0.0: Number(1.0), 0.1: Number(1.0)}}, {0.0: "0", 0.1: "10"})
    assert len({p.y for p in drawn.lines[0].points}) == 1
