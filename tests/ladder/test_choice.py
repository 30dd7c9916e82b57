from __future__ import annotations

import numpy as np

from darkroom.ladder.choice import cannot_win, climb


def right(*counts: int, of: int = 10) -> list[np.ndarray]:
    return [(np.arange(of) < count).astype(float) for count in counts]


def test_a_tie_stays_on_the_simpler_rung() -> None:
    assert climb({"simple": right(8, 8), "costly": right(8, 8)})[0] == "simple"


def test_one_more_right_answer_is_within_a_standard_error() -> None:
    chosen, (step,) = climb({"simple": right(8, 8), "costly": right(9, 8)})
    assert chosen == "simple"
    assert 0 < step.gain <= step.error + 1e-9


def test_a_clear_gain_moves_up_and_the_next_rung_must_beat_it() -> None:
    chosen, steps = climb({"simple": right(5, 5), "costly": right(9, 9), "costliest": right(9, 9)})
    assert chosen == "costly"
    assert [step.base for step in steps] == ["simple", "costly"]


def test_rungs_are_compared_on_common_folds() -> None:
    _, (step,) = climb({"simple": right(8, 1), "costly": right(8)})
    assert (step.gain, step.images) == (0, 10)


def test_stopping_changes_no_choice() -> None:
    generator = np.random.default_rng(0)
    stopped = 0
    for _ in range(500):
        best = [(generator.random(10) < 0.8).astype(float) for _ in range(5)]
        other = [(generator.random(10) < generator.uniform(0.2, 1)).astype(float) for _ in range(5)]
        for seen in range(1, 6):
            if cannot_win(other[:seen], best):
                stopped += 1
                assert all(climb({"best": best, "other": other[:end]})[0] == "best" for end in range(seen, 6))
    assert stopped > 100
