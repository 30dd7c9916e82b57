"""What the page says of a ladder's choice."""

from __future__ import annotations

from typing import Any

import pytest

from darkroom.report.sections import ladder


def step(to: str, base: str, gain: float, error: float, *, images: int = 100) -> dict[str, Any]:
    return {"to": to, "base": base, "gain": gain, "error": error, "images": images, "taken": gain > error}


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([step("logistic", "class_means", 0.2, 0.04)], ""),
        (
            [step("logistic", "class_means", 0.01, 0.0099)],
            "It leads class means by 1 of 100 validation images, no more than chance explains.",
        ),
        (
            [step("logistic", "class_means", 0.2, 0.04), step("all_layers", "logistic", 0.04, 0.05, images=50)],
            "It is behind all layers by 2 of 50 validation images, no more than chance explains.",
        ),
        (
            [step("logistic", "class_means", 0.2, 0.04), step("last_blocks", "logistic", 0.0, 0.0)],
            "It ties with last blocks on 100 validation images.",
        ),
        ([step("logistic", "class_means", 0.2, 0.04), step("scratch", "logistic", -0.4, 0.05)], ""),
    ],
)
def test_a_choice_that_chance_explains_is_said(steps: list[dict[str, Any]], words: str) -> None:
    assert ladder.closest({"chosen": "logistic", "steps": steps}) == words
