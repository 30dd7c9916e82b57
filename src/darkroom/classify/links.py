"""Turn a network's outputs into the logits of one class per image, as the loss that trained it requires.

`link` is the loss's `LINK`: the outputs are logits of a `softmax` or of one `sigmoid` per class, or, with `identity`,
estimates of the probabilities themselves, as a squared error on one-hot targets gives.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]
FLOOR = 1e-6
"""Least probability that `identity` stands for; such outputs may lie below 0 and above 1."""


def softmax_logits(outputs: Tensor, link: str) -> Tensor:
    """Return what a softmax turns into the probabilities (..., K) of one class per image, from outputs (..., K).

    Each class then has a probability proportional to its sigmoid, or to its output with `identity`.
    """
    if link == "sigmoid":
        return F.logsigmoid(outputs)
    return outputs.clamp_min(FLOOR).log() if link == "identity" else outputs


def class_logits(outputs: NDArray[np.floating], link: str) -> Floats:
    """Return the same in double precision for arrays."""
    return softmax_logits(torch.from_numpy(outputs.astype(np.float64)), link).numpy()
