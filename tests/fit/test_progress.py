"""Lines in the log of a training: few, and with the time left."""

from __future__ import annotations

import re

import pytest

from darkroom.fit import progress
from darkroom.fit.progress import ProgressLines, duration


def test_lines_come_every_ten_seconds_and_at_both_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    lines = ProgressLines(epochs=10, steps=100, done=0)
    for step in range(1, 101):
        now[0] += 1
        lines.batch_ended(step)
        if step % 10 == 0:
            lines.epoch_ended(step // 10, step, {"train loss": 1 / step})
    told = capsys.readouterr().err.splitlines()
    assert 10 <= len(told) <= 12
    assert told[0] == "epoch 1/10, step 10/100, 1 min 30 s left"
    assert told[-1].startswith("epoch 10/10, step 100/100")
    assert all(re.search(r", (\d+ min )?\d+ s left$", line) for line in told)


def test_a_quick_training_writes_its_first_and_last_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    lines = ProgressLines(epochs=5, steps=50, done=0)
    for epoch in range(1, 6):
        lines.epoch_ended(epoch, 10 * epoch, {"train loss": 0.25})
    told = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in told] == ["epoch 1/5", "epoch 5/5"]
    assert "train loss 0.25" in told[0]


@pytest.mark.parametrize(("seconds", "text"), [(8.4, "8 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")])
def test_durations_are_readable(seconds: float, text: str) -> None:
    assert duration(seconds) == text
