"""Formulas of PyOD 0.9.8, which ADBench ran, where they are not those of the papers that our detectors follow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Rows = NDArray[np.float64]


def pca(train: Rows, test: Rows) -> Rows:
    """Return the scores (N,) of PyOD's PCA: distances from a row to the unit eigenvectors, over their variances.

    Directions along which no training row moves are left out.
    """
    spread = train.std(0)
    moves = spread > 0
    standard, asked = ((part[:, moves] - train[:, moves].mean(0)) / spread[moves] for part in (train, test))
    variances, directions = np.linalg.eigh(np.cov(standard.T))
    kept = variances > 1e-6 * variances.max()
    distances = np.linalg.norm(asked[:, None] - directions.T[kept], axis=2)
    found: Rows = (distances / (variances[kept] / variances.sum())).sum(1)
    return found


def ecod(train: Rows, test: Rows) -> Rows:
    """Return the scores (N,) of ECOD in PyOD 0.9.8: `np.maximum(self.U_skew, self.U_l, self.U_r)`.

    The third argument is the output, so the right tail never counts (corrected in PyOD on 2022-04-03, commit 8286c39). Tails
    are those among training and test rows together.
    """
    rows = np.concatenate([train, test])
    left, right = (-np.log(stats.rankdata(sign * rows, "max", axis=0) / len(rows)) for sign in (1, -1))
    skewness = np.sign(stats.skew(rows, axis=0))
    skewed = left * -np.sign(skewness - 1) + right * np.sign(skewness + 1)
    found: Rows = np.maximum(skewed, left)[len(train) :].sum(1)
    return found


FORMULAS = {"table_pca": pca, "ecod": ecod}
"""By the name of our detector."""
