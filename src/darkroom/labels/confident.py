"""Confident learning: estimate how many labels of each class are wrong, and which ones (Northcutt et al. 2021, arXiv
1911.00068).

The confident joint counts the images labeled i that count as class j: those whose probability of j reaches the mean
probability that images labeled j have of it; of several such classes, the most probable one counts. Rows are then scaled to
the number of images with each label. The off-diagonal entry (i, j) is the estimated number of images labeled i that are j.
This number of images labeled i are suspects: those whose probability of j exceeds that of i the most ("prune by noise rate").
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


def suspicion(probabilities: Floats, labels: Labels) -> tuple[Floats, Labels]:
    """Return the score (N,) in [-1, 1] by which suspects are ranked, and the most probable other class (N,).

    The score is the probability of that class minus that of the label: the normalized margin of Northcutt et al., negated.
    """
    others = probabilities.copy()
    rows = np.arange(len(labels))
    others[rows, labels] = -1
    best = others.argmax(1)
    return probabilities[rows, best] - probabilities[rows, labels], best
