"""Confident learning: estimate from confident images how often each class gets each label, and which labels are wrong.

As in Northcutt et al. 2021 (arXiv 1911.00068), the labels of images whose class is hardly in doubt show how labels go wrong.
There, an image is confident of class j if its probability of j reaches the mean of those labeled j, which about half do; many of
them are images that a judge confuses. Here its probability has to reach `SURE`, or to be among the `ANCHORS` highest of those
that are most probably j, like the anchor points of Patrini et al. 2017 (arXiv 1609.03683).

Of n confident images of class j, the number labeled i follows a Poisson distribution of mean n r_ij. Few of them are wrong, so
the rates r_ij, i ≠ j, share a gamma distribution whose mean is the pooled rate, and each r_ij is the mean of its posterior
(empirical Bayes). The distribution's shape is the most probable one given all numbers, which are negative binomial, if 1 / shape,
the rates' relative variance, is exponential with mean 1. If wrong labels are spread evenly the rates become equal, and if a few
pairs of classes account for most of them these keep their own.

Judges are seldom calibrated, so one temperature of their probabilities p_j is fitted, by the likelihood Σ_j p_j r_ij of the
labels i. It and the rates are estimated in turn, `ROUNDS` times.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.stats import nbinom

from darkroom.classify.calibration import log_softmax

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

SURE, ANCHORS = 0.98, 0.05
"""Probability from which on an image is confident, and the least share of the images of a class, as judged, that are."""
ROUNDS = 3
SHARPER = -2.0, 2.0
"""Limits of the logarithm of the inverse temperature."""
SHAPES = -5.0, 6.0
"""Limits of the logarithm of the gamma distribution's shape; at the upper one, rates are all but equal."""


def confident_counts(probabilities: Floats, labels: Labels) -> Floats:
    """Return the numbers of confident images (K, K) by label and by the class that they are of.

    `probabilities` (N, K) are those of the actual class, and `labels` (N,) the given ones.
    """
    classes = probabilities.shape[1]
    counts, likely = np.zeros((classes, classes)), probabilities.argmax(1)
    for label in range(classes):
        rows = np.flatnonzero(likely == label)
        rows = rows[np.argsort(-probabilities[rows, label], kind="stable")]
        sure = max(math.ceil(ANCHORS * len(rows)), int((probabilities[rows, label] >= SURE).sum()))
        counts[:, label] = np.bincount(labels[rows[:sure]], minlength=classes)
    return counts


def label_rates(counts: Floats) -> Floats:
    """Return the estimated share (K, K) of each label among the images of each class; columns sum to 1.

    `counts` (K, K) are numbers of confident images by label and class. A label that is right is at least as frequent as chance.
    """
    classes = len(counts)
    wrong = ~np.eye(classes, dtype=bool)
    images = np.broadcast_to(counts.sum(0), counts.shape)
    found = counts[wrong]
    pooled = max(float(found.sum()), 0.5) / max(float(images[wrong].sum()), 1.0)
    expected = np.maximum(images[wrong] * pooled, 1e-9)

    def surprise(logarithm: float) -> float:
        shape = math.exp(logarithm)
        return 1 / shape - float(nbinom.logpmf(found, shape, shape / (shape + expected)).sum())

    shape = math.exp(minimize_scalar(surprise, bounds=SHAPES, method="bounded").x)
    rates = np.where(wrong, (shape + counts) / (shape / pooled + images), 0)
    rates[~wrong] = np.maximum(1 - rates.sum(0), 1 / classes)
    shares: Floats = rates / rates.sum(0)
    return shares


def calibrated(probabilities: Floats, labels: Labels, rates: Floats) -> Floats:
    """Return the probabilities (N, K) at the temperature at which labels (N,) drawn at these rates (K, K) are most likely."""
    logarithms = np.log(np.maximum(probabilities, 1e-12))

    def at(inverse: float) -> Floats:
        found: Floats = np.exp(log_softmax(inverse * logarithms))
        return found

    def surprise(logarithm: float) -> float:
        likely = (at(math.exp(logarithm)) * rates[labels]).sum(1)
        return -float(np.log(np.maximum(likely, 1e-300)).sum())

    return at(math.exp(minimize_scalar(surprise, bounds=SHARPER, method="bounded").x))


def posterior(probabilities: Floats, labels: Labels, rates: Floats) -> Floats:
    """Return the probabilities (N, K) of the actual class of images with these labels (N,), by Bayes' rule.

    `probabilities` (N, K) do not know the labels, and `rates` (K, K) are the shares of each label among the images of each class.
    """
    odds = probabilities * rates[labels]
    found: Floats = odds / np.maximum(odds.sum(1, keepdims=True), 1e-300)
    return found


def actual(probabilities: Floats, labels: Labels) -> Floats:
    """Return the probabilities (N, K) of the actual class of images with these labels (N,), with what the labels say of errors.

    `probabilities` (N, K) come from judges that do not know the label of the image.
    """
    sharp = probabilities
    for _ in range(ROUNDS):
        rates = label_rates(confident_counts(sharp, labels))
        sharp = calibrated(probabilities, labels, rates)
    return posterior(sharp, labels, label_rates(confident_counts(sharp, labels)))


def suspects(wrong: Floats) -> NDArray[np.bool_]:
    """Return which labels are suspect, given the probability (N,) that each is wrong: as many as are estimated to be wrong."""
    found = np.zeros(len(wrong), bool)
    found[np.argsort(-wrong, kind="stable")[: round(float(wrong.sum()))]] = True
    return found
