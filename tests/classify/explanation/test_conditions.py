"""Conditions under which a classifier errs: what is there is found, and noise is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special, stats

from darkroom.classify.explanation.conditions import _ratio, conditions, findings, fisher, holm
from darkroom.classify.explanation.mistakes import Errors

N = 300


def attributes(generator: np.random.Generator, n: int = N) -> pd.DataFrame:
    """Attributes that depend on one another, as those of photographs do."""
    light = generator.normal(size=n)
    return pd.DataFrame(
        {
            "brightness": light,
            "contrast": light + generator.normal(size=n),
            "sharpness": generator.normal(size=n),
            "border_rows": np.maximum(generator.normal(size=n), 0),
            "border_columns": 0.0,
            "pixels": generator.integers(1000, 9000, n),
            "aspect": generator.choice([0.75, 1.0, 1.33], n),
            "bytes": generator.integers(1000, 9000, n),
            "format": generator.choice(["JPEG", "PNG"], n),
            "camera": generator.choice(["A", "B", "C"], n),
            "group": generator.choice([f"g{k}" for k in range(12)], n),
        }
    )


def errors(wrong: np.ndarray, strata: np.ndarray | None = None) -> Errors:
    return Errors(wrong.astype(np.float64), np.zeros(len(wrong), np.int64) if strata is None else strata)


def test_mistakes_in_the_dark_are_found_and_measured() -> None:
    generator = np.random.default_rng(0)
    table = attributes(generator)
    dark = table["brightness"] <= table["brightness"].quantile(0.25)
    wrong = generator.random(N) < np.where(dark, 0.4, 0.1)
    found = findings(conditions(table), [errors(wrong)])
    first = found[0]
    assert (first.condition.attribute, first.condition.kind) == ("brightness", "low")
    assert (first.error, first.images) == (pytest.approx(wrong[dark].mean()), int(dark.sum()))
    assert first.low < 4 < first.high
    assert first.low > 1


def test_a_ratio_that_the_class_explains_is_one_within_classes() -> None:
    generator = np.random.default_rng(1)
    n = 4000
    table = attributes(generator, n)
    labels = (table["brightness"].to_numpy() + 0.5 * generator.normal(size=n) < -0.7).astype(np.int64)
    wrong = generator.random(n) < np.where(labels == 1, 0.4, 0.05)  # dark images are mostly of the hard class
    found = {(f.condition.attribute, f.condition.kind): f for f in findings(conditions(table), [errors(wrong, labels)])}
    dark = found["brightness", "low"]
    assert dark.ratio > 2.5
    assert dark.within == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize(("sets", "most"), [(300, 23), pytest.param(1000, 64, marks=pytest.mark.long)])
def test_few_sets_of_random_mistakes_raise_an_alarm(sets: int, most: int) -> None:
    """The nominal rate is at most 5 %: `most` or fewer with 97.5 % probability."""
    generator = np.random.default_rng(2)
    alarms = 0
    for _ in range(sets):
        tested = conditions(attributes(generator))
        wrong = generator.random(N) < generator.choice([0.02, 0.1, 0.3])
        alarms += bool(findings(tested, [errors(wrong)]))
    assert alarms <= most


def test_fishers_test_is_that_of_scipy() -> None:
    for a, n, wrong, total in ((5, 20, 12, 100), (0, 20, 12, 100), (12, 50, 12, 100), (3, 90, 12, 100)):
        table = [[a, n - a], [wrong - a, total - n - wrong + a]]
        if min(min(row) for row in table) < 0:
            continue
        expected = stats.fisher_exact(table, alternative="greater").pvalue
        assert fisher(np.array([a]), np.array([n]), wrong, total)[0] == pytest.approx(expected)


def test_holm_by_hand() -> None:
    assert holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])


def test_nothing_is_tested_where_all_images_are_alike() -> None:
    table = attributes(np.random.default_rng(0)).assign(
        **dict.fromkeys(("brightness", "contrast", "sharpness", "border_rows", "pixels", "aspect", "bytes"), 1.0),
        **dict.fromkeys(("format", "camera", "group"), None),
    )
    assert conditions(table) == []


@pytest.mark.parametrize(("a", "n", "b", "m"), [(7, 90, 0, 268), (10, 10, 3, 40), (5, 20, 30, 200)])
def test_the_interval_of_a_ratio_holds_what_a_score_test_accepts(a: int, n: int, b: int, m: int) -> None:
    shares = [np.arange(size) < wrong for wrong, size in ((a, n), (b, m))]
    ratio, *ends = _ratio(*(share.astype(np.float64) for share in shares), 0.975)
    assert ends[0] < ratio < ends[1]
    for r in ends:

        def unlikely(p: float, r: float = r) -> float:
            hit, missed = (a + 0.5, b + 0.5), (n - a, m - b)
            return -sum(h * np.log(q) + k * np.log1p(-q) for h, k, q in zip(hit, missed, (r * p, p), strict=True))

        p = optimize.minimize_scalar(
            unlikely, bounds=(1e-12, min(1, 1 / r) - 1e-12), method="bounded", options={"xatol": 1e-13}
        ).x
        observed = np.array([[a + 0.5, n - a], [b + 0.5, m - b]])
        expected = np.array([[q, 1 - q] for q in (r * p, p)]) * observed.sum(1, keepdims=True)
        assert ((observed - expected) ** 2 / expected).sum() == pytest.approx(special.ndtri(0.975) ** 2, rel=1e-3)


def test_an_interval_of_few_mistakes_agrees_with_the_test() -> None:
    inside, outside = np.arange(90) < 7, np.zeros(268)
    assert fisher(np.array([7]), np.array([90]), 7, 358)[0] < 0.001
    assert _ratio(inside.astype(np.float64), outside, 1 - 0.05 / 80)[1] > 1
