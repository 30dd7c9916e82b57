"""Turn a network's outputs into the logits of one class per image, as the loss that trained it requires.

`link` is the loss's `LINK`: the outputs are logits of a `softmax` or of one `sigmoid` per class, or, with `identity`,
estimates of the probabilities themselves, as a squared error on one-hot targets gives.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]
FLOOR = 1e-6
"""Least probability that `identity` stands for; such outputs may lie below 0 and above 1."""


def class_logits(outputs: NDArray[np.floating], link: str) -> Floats:
    """Return what a softmax turns into the probabilities (..., K) of one class per image, from outputs (..., K).

    Each class then has a probability proportional to its sigmoid, or to its output with `identity`.
    """
    values = outputs.astype(np.float64)
    if link == "sigmoid":
        found: Floats = special.log_expit(values)
        return found
    return np.log(np.maximum(values, FLOOR)) if link == "identity" else values
