"""Every acquisition rule beside a tiny independent computation, and what all of them have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from darkroom import registry
from darkroom.suggest.pool import Pool, Rule
from darkroom.suggest.rules.badge import residuals, squared_distances


@dataclass(frozen=True)
class Drawn:
    """A pool of random predictions and features; the last two images are copies."""

    images: int = 12
    known: int = 3
    seed: int = 0

    def _generator(self, use: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, use))

    def probabilities(self) -> np.ndarray:
        return self._copied(self._generator(0).dirichlet([0.5, 0.5, 0.5], self.images))

    def features(self) -> np.ndarray:
        return self._copied(self._generator(1).normal(size=(self.images, 4)))

    def labeled_features(self) -> np.ndarray:
        return self._generator(2).normal(size=(self.known, 4))

    def draws(self, count: int) -> np.ndarray:
        return self._generator(3).dirichlet([0.5, 0.5, 0.5], (count, self.images))

    def _copied(self, values: np.ndarray) -> np.ndarray:
        return np.concatenate([values[:-1], values[-2:-1]])


def build(name: str) -> Rule:
    built: Rule = registry.build(registry.options("acquisition", name)())
    return built


def rank(name: str, pool: Pool, count: int, seed: int = 0) -> tuple[list[int], np.ndarray]:
    found = build(name).rank(pool, count, np.random.default_rng(seed))
    return found.rows.tolist(), found.scores


@pytest.mark.parametrize("name", registry.entries("acquisition"))
@pytest.mark.parametrize("count", [1, 5, 12])
@pytest.mark.parametrize("known", [0, 3])
def test_every_rule_chooses_distinct_images_and_repeats(name: str, count: int, known: int) -> None:
    pool = Drawn(known=known)
    rows, scores = rank(name, pool, count)
    assert len(set(rows)) == len(rows) == len(scores) == count
    assert set(rows) <= set(range(pool.images))
    assert np.isfinite(scores).all()
    again = rank(name, pool, count)
    assert again[0] == rows
    assert (again[1] == scores).all()


@pytest.mark.parametrize("name", [name for name in registry.entries("acquisition") if name not in ("badge", "random")])
def test_rules_that_draw_nothing_do_not_depend_on_the_seed_and_a_larger_choice_begins_with_a_smaller(name: str) -> None:
    pool = Drawn(images=30)
    assert rank(name, pool, 10, seed=1)[0] == rank(name, pool, 20, seed=2)[0][:10]


def test_margin_and_entropy_put_the_least_certain_first() -> None:
    pool = Drawn()
    margins = [sorted(p)[-1] - sorted(p)[-2] for p in pool.probabilities()]
    assert rank("margin", pool, 4)[0] == np.argsort(margins, kind="stable")[:4].tolist()
    entropies = [-sum(x * np.log(x) for x in p) for p in pool.probabilities()]
    rows, scores = rank("entropy", pool, 4)
    assert rows == np.argsort(-np.array(entropies), kind="stable")[:4].tolist()
    assert scores == pytest.approx(sorted(entropies, reverse=True)[:4])


def test_bald_is_the_mutual_information_of_prediction_and_draw() -> None:
    pool = Drawn()
    draws = pool.draws(20)
    mutual = np.zeros(pool.images)
    for row in range(pool.images):
        for draw in range(20):
            for label in range(3):
                joint = draws[draw, row, label] / 20
                mutual[row] += joint * np.log(joint / (draws[:, row, label].mean() / 20))
    rows, scores = rank("bald", pool, pool.images)
    assert scores == pytest.approx(mutual[rows])
    assert (np.diff(scores) <= 0).all()


def test_k_center_is_the_greedy_choice_by_brute_force() -> None:
    pool = Drawn()
    features, centers, expected = pool.features(), list(pool.labeled_features()), []
    for _ in range(6):
        away = [min(float(np.linalg.norm(point - center)) for center in centers) for point in features]
        expected.append((int(np.argmax(away)), max(away)))
        centers.append(features[expected[-1][0]])
    rows, scores = rank("k_center", pool, 6)
    assert rows == [row for row, _ in expected]
    assert scores == pytest.approx([distance for _, distance in expected])


def test_distances_of_badge_are_those_of_explicit_gradient_embeddings() -> None:
    import torch

    pool = Drawn()
    probabilities, features = pool.probabilities(), pool.features()
    embeddings = []
    for p, h in zip(probabilities, features, strict=True):
        weights = torch.zeros(3, 4, dtype=torch.float64, requires_grad=True)
        logits = weights @ torch.from_numpy(h) + torch.from_numpy(np.log(p))
        torch.nn.functional.cross_entropy(logits[None], torch.tensor([int(p.argmax())])).backward()
        assert weights.grad is not None
        embeddings.append(weights.grad.flatten().numpy())
    explicit = ((np.array(embeddings)[:, None] - np.array(embeddings)[None]) ** 2).sum(-1)
    errors = residuals(probabilities)
    for row in range(pool.images):
        assert squared_distances(errors, features, row) == pytest.approx(explicit[row], abs=1e-12)
    rows, scores = rank("badge", pool, 5)
    norms = (np.array(embeddings) ** 2).sum(1)
    assert (rows[0], scores[0]) == (int(norms.argmax()), pytest.approx(norms.max()))
    assert scores[1:] == pytest.approx([explicit[rows[place], rows[:place]].min() for place in range(1, 5)])


def test_badge_draws_in_proportion_to_the_squared_distance() -> None:
    pool = Drawn(images=5)
    errors, features = residuals(pool.probabilities()), pool.features()
    start = rank("badge", pool, 1)[0][0]
    expected = squared_distances(errors, features, start)
    drawn = np.bincount([rank("badge", pool, 2, seed)[0][1] for seed in range(2000)], minlength=5) / 2000
    assert drawn == pytest.approx(expected / expected.sum(), abs=0.04)
