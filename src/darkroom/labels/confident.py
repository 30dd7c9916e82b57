"""Confident learning: estimate how many labels of each class are wrong, and which ones (Northcutt et al. 2021, arXiv
1911.00068).

The confident joint counts the images labeled i that count as class j: those whose probability of j reaches the mean
probability that images labeled j have of it; of several such classes, the most probable one counts. Rows are then scaled to
the number of images with each label. The off-diagonal entry (i, j) is the estimated number of images labeled i that are j.
This number of images labeled i are suspects: those whose probability of j exceeds that of i the most ("prune by noise rate").
They are ranked by the probability that the label is wrong, given the estimated joint.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def confident_joint(probabilities: Floats, labels: Labels) -> Floats:
    """Return the estimated numbers of images (K, K) by label and by actual class, given probabilities (N, K), labels (N,).

    If all images with a label are below every threshold, they count as correctly labeled. A class without images has a row
    and column of zeros.
    """
    classes = probabilities.shape[1]
    counts = np.bincount(labels, minlength=classes)
    own = probabilities[np.arange(len(labels)), labels]
    sums = np.bincount(labels, own, minlength=classes)
    thresholds = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    confident = np.where(probabilities >= thresholds, probabilities, -np.inf)  # (N, K)
    known = np.isfinite(confident).any(1)
    joint = np.zeros((classes, classes))
    np.add.at(joint, (labels[known], confident[known].argmax(1)), 1)
    empty = (joint.sum(1) == 0) & (counts > 0)
    joint[empty, empty.nonzero()[0]] = 1
    scaled: Floats = joint / np.maximum(joint.sum(1, keepdims=True), 1) * counts[:, None]
    return scaled


def suspects(probabilities: Floats, labels: Labels) -> NDArray[np.bool_]:
    """Return which labels (N,) are probably wrong."""
    joint = np.rint(confident_joint(probabilities, labels)).astype(int)
    found = np.zeros(len(labels), bool)
    for label in np.unique(labels).tolist():
        rows = np.flatnonzero(labels == label)
        for other in np.flatnonzero(joint[label]).tolist():
            if other == label:
                continue
            gain = probabilities[rows, other] - probabilities[rows, label]
            found[rows[np.argsort(-gain, kind="stable")[: joint[label, other]]]] = True
    return found


def suspicion(probabilities: Floats, labels: Labels, joint: Floats) -> tuple[Floats, Labels]:
    """Return the probability (N,) that each label is wrong, by which suspects are ranked, and the most probable other class (N,).

    `joint` (K, K) is an estimate of the numbers of images by label and actual class. It says how often images of a class are
    labeled i; by Bayes' rule, the odds of the classes of an image labeled i are their probabilities times this share.
    """
    rows = np.arange(len(labels))
    labeled = joint / np.maximum(joint.sum(0, keepdims=True), 1e-9)  # by actual class, the share of each label
    odds = probabilities * labeled[labels]
    wrong = np.clip(1 - odds[rows, labels] / np.maximum(odds.sum(1), 1e-300), 0, 1)
    others = odds + 1e-12 * probabilities  # where nothing speaks for another class, the most probable one
    others[rows, labels] = -1
    return wrong, others.argmax(1)
