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


def one_class_svm(train: Rows, test: Rows) -> Rows:
    """Return the scores (N,) of PyOD's OCSVM: a Gaussian kernel of width 1 / columns on numbers from 0 to 1."""
    from sklearn.svm import OneClassSVM

    low, span = train.min(0), np.ptp(train, 0)
    given, asked = ((part - low) / np.where(span > 0, span, 1) for part in (train, test))
    found: Rows = -OneClassSVM(gamma="auto").fit(given).decision_function(asked)
    return found


FORMULAS = {"table_pca": pca, "ecod": ecod, "one_class_svm": one_class_svm}
"""By the name of our detector."""
