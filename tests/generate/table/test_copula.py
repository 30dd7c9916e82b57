"""The Gaussian copula has the marginals of the rows, and a correlation that is scikit-learn's, or known in closed form."""

from __future__ import annotations

import numpy as np
import torch
from scipy import stats
from sklearn.covariance import LedoitWolf

from darkroom.generate.table.copula import GaussianCopula, normal_scores

ROWS, LABELS = 3000, 20_000


def fitted(rows: np.ndarray, shape: tuple[int, ...], labels: np.ndarray | None = None) -> GaussianCopula:
    classes = 0 if labels is None else int(labels.max()) + 1
    model = GaussianCopula(shape, classes)
    model.fit(rows.astype(np.float32), np.zeros(len(rows), np.int64) if labels is None else labels)
    return model


def drawn(model: GaussianCopula, labels: torch.Tensor) -> np.ndarray:
    found: np.ndarray = model.sample(labels, torch.Generator().manual_seed(0)).double().numpy()
    return found


def test_samples_of_a_copula_have_its_marginals_and_rank_correlation() -> None:
    draws = np.random.default_rng(0)
    correlation = np.array([[1, 0.8, -0.5], [0.8, 1, 0], [-0.5, 0, 1]])
    normal = draws.multivariate_normal(np.zeros(3), correlation, ROWS)
    rows = np.column_stack([np.exp(normal[:, 0]), stats.norm.cdf(normal[:, 1]) * 10, normal[:, 2] ** 3])
    samples = drawn(fitted(rows, (0, 0, 0)), torch.zeros(LABELS, dtype=torch.long))
    for made, real in zip(samples.T, rows.T, strict=True):
        assert stats.ks_2samp(made, real).statistic < 0.03
    found, wanted = stats.spearmanr(samples).statistic, 6 / np.pi * np.arcsin(correlation / 2)
    np.testing.assert_allclose(found, wanted, atol=0.04)


def test_the_correlation_of_few_rows_is_shrunk_as_by_scikit_learn() -> None:
    draws = np.random.default_rng(1)
    for count in (8, 200):  # fewer and more rows than columns
        rows = draws.normal(size=(count, 20)) @ draws.normal(size=(20, 20))
        model = fitted(rows, (0,) * 20)
        scores = stats.norm.ppf((stats.rankdata(rows, axis=0) - 0.5) / count)
        np.testing.assert_allclose(normal_scores(rows), scores, rtol=1e-6)
        wanted = LedoitWolf(assume_centered=True).fit(scores)
        assert 0 < wanted.shrinkage_ < 1
        np.testing.assert_allclose(model.covariance(0), wanted.covariance_, atol=1e-5)


def test_categories_and_missing_cells_are_as_frequent_as_in_each_class() -> None:
    draws = np.random.default_rng(2)
    labels = draws.integers(0, 2, ROWS)
    number = np.where(
        draws.random(ROWS) < np.where(labels == 1, 0.5, 0.1), np.nan, draws.integers(0, 5, ROWS) + 10 * labels
    )
    code = np.where(draws.random(ROWS) < 0.2, np.nan, np.where(draws.random(ROWS) < 0.9 - 0.6 * labels, 2, 0))
    rows = np.column_stack([number, code])
    model = fitted(rows, (0, 3), labels)
    for label in (0, 1):
        samples, own = drawn(model, torch.full((LABELS,), label)), rows[labels == label]
        assert set(np.unique(samples[~np.isnan(samples[:, 0]), 0])) == set(np.unique(own[~np.isnan(own[:, 0]), 0]))
        for column in (0, 1):
            for value in (np.nan, *np.unique(own[~np.isnan(own[:, column]), column])):
                share, wanted = (
                    (np.isnan(part[:, column]) if np.isnan(value) else part[:, column] == value).mean()
                    for part in (samples, own)
                )
                assert abs(share - wanted) < 0.02, (label, column, value)


def test_a_class_of_one_row_and_many_columns_are_bounded() -> None:
    draws = np.random.default_rng(3)
    rows, labels = draws.normal(size=(60, 2000)), np.array([0] * 59 + [1])
    model = fitted(rows, (0,) * 2000, labels)
    assert sum(value.numel() for value in model.state_dict().values()) < 5_000_000
    samples = drawn(model, torch.tensor([0, 1, 0]))
    assert np.isfinite(samples).all()
    np.testing.assert_allclose(samples[1], rows[59], rtol=1e-6)
