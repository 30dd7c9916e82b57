"""Whatever the clock stops, the chosen rung is fitted and tested."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from darkroom.ladder import ascent
from darkroom.ladder.ascent import Ascent
from darkroom.ladder.config import Ladder, rungs
from darkroom.ladder.rungs import Cost
from darkroom.ladder.work import Budget, Work

LABELS = np.zeros(100, np.int64)


class SlowFits:
    """Takes seconds per fit by a clock of its own; each rung is right on the images that its position allows."""

    def __init__(self, right: dict[str, float], seconds: float) -> None:
        self.right, self.seconds, self.now = right, seconds, 0.0
        self.store = SimpleNamespace(labels=LABELS)

    def fit(self, settings: Any, rows: Any, *, seed: int) -> tuple[Any, None]:
        self.now += self.seconds
        return settings, None

    def predictions(self, settings: Any, network: Any, rows: np.ndarray) -> np.ndarray:
        way = settings.transfer
        name = way.head.name if way and way.name == "probe" else way.name if way else "scratch"
        return (rows % 10 >= 10 * self.right[name]).astype(np.int64)


@pytest.mark.parametrize("seconds", [0.0, 8.0, 12.0, 18.0, 30.0, 100.0])
@pytest.mark.parametrize("best", ["class_means", "logistic", "partial", "fine_tune", "scratch"])
def test_the_chosen_rung_is_tested_whenever_the_clock_stops_others(
    monkeypatch: pytest.MonkeyPatch, seconds: float, best: str
) -> None:
    names = ["class_means", "logistic", "partial", "fine_tune", "scratch"]
    fits = SlowFits({name: 0.9 if name == best else 0.5 for name in names}, seconds)
    monkeypatch.setattr(ascent.time, "monotonic", lambda: fits.now)
    monkeypatch.setattr(ascent, "complain", lambda text: None)
    ladder = rungs(Ladder(), pretrained=True)
    costs = {name: Cost(rung, Work(0.0, 0.0), 2, 2) for name, rung in ladder.items()}
    pool = np.arange(80)
    climb = Ascent(
        fits,  # type: ignore[arg-type]
        ladder,
        costs,
        pool=pool,
        folds=pool % 5,
        test=np.arange(80, 100),
        seeds=[0],
        budget=Budget(100.0),
    )
    chosen, _ = climb.run()
    (rung,) = (rung for rung in climb.rungs if rung.name == chosen)
    assert rung.status == "tested"
    assert len(rung.tested) == 1
    assert climb.model is not None
    stopped = [other for other in climb.rungs if other.status == "clock"]
    assert stopped if seconds == 100 else seconds or not stopped
