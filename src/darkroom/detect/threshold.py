"""From which score on an image is called anomalous, set from normal images alone."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Threshold(NamedTuple):
    """Scores above `value` are flagged; `rule` says in words how it was set."""

    value: float
    rule: str


def from_normals(scores: NDArray[np.float64], false_alarms: float) -> Threshold:
    """The threshold that flags on average at most the share `false_alarms` of new normal images.

    Of n held-out normal images' scores it is the one of rank ceil((1 - false_alarms)(n + 1)), the conservative one of
    split conformal prediction (Vovk et al. 2005); with too few of them the largest. Raises ValueError for no scores.
    """
    items = len(scores)
    if not items:
        raise ValueError("a threshold needs scores of normal validation images; set data.split.val above 0")
    rank = math.ceil((1 - false_alarms) * (items + 1) - 1e-9)
    ordered = np.sort(scores)
    if rank > items:
        needed = math.ceil(1 / false_alarms - 1 - 1e-9)
        return Threshold(
            float(ordered[-1]),
            f"the largest score of the {items} normal validation images, which are too few to promise a false-alarm rate "
            f"of {100 * false_alarms:.3g} % (that takes {needed}): up to {100 / (items + 1):.2g} % is to be expected",
        )
    return Threshold(
        float(ordered[rank - 1]),
        f"the score of rank {rank} of the {items} normal validation images, which at most {100 * false_alarms:.3g} % of new "
        "normal images are expected to exceed",
    )
