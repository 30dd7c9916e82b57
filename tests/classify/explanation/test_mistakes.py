"""Which images are worth looking at."""

from __future__ import annotations

import numpy as np

from darkroom.classify.explanation.one_class import ClassMistakes

P = np.array([[0.9, 0.1, 0], [0.2, 0.8, 0], [0.05, 0.9, 0.05], [0.45, 0.4, 0.15], [0.3, 0.1, 0.6], [0.1, 0.2, 0.7]])
ANSWERS = ClassMistakes(P, np.array([0, 1, 0, 0, 1, 1]), P.argmax(1))


def test_strips_start_with_the_most_telling_image() -> None:
    found = {name: shown.places for name, shown in ANSWERS.strips().items()}
    assert found["highest_loss"].tolist() == [2, 4, 5, 3, 1, 0]
    assert found["confident_mistakes"].tolist() == [2, 5, 4]
    assert found["unsure_right"].tolist() == [3, 1, 0]


def test_pairs_are_counted_in_one_direction() -> None:
    pairs = [(pair.true, pair.predicted, pair.count, pair.shown.places.tolist()) for pair in ANSWERS.pairs()[0]]
    assert pairs == [(1, 2, 2, [5, 4]), (0, 1, 1, [2])]


def test_no_mistakes_have_no_pairs() -> None:
    right = ClassMistakes(P, P.argmax(1), P.argmax(1))
    assert right.pairs() == ([], 0)
    assert not len(right.strips()["confident_mistakes"].places)
