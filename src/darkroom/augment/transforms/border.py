"""Interpolation and borders of warped images, by their config names.

Nearest pixel suits small images: a network trained on small images that linear interpolation has blurred does worse on
the sharp test images. It also suits images of few values, which it does not mix. It makes photographs jagged.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.augment.options import SMALL

FILLS = {"reflect": cv2.BORDER_REFLECT_101, "constant": cv2.BORDER_CONSTANT, "edge": cv2.BORDER_REPLICATE}
INTERPOLATIONS = {
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
}
FEW_VALUES = 16


def flag(interpolation: str, image: NDArray[np.uint8]) -> int:
    """Return OpenCV's flag; `auto` depends on the image (H, W, C): its size and the number of its distinct values."""
    if interpolation != "auto":
        return INTERPOLATIONS[interpolation]
    few = np.count_nonzero(np.bincount(image.ravel(), minlength=256)) <= FEW_VALUES
    return cv2.INTER_NEAREST if few or min(image.shape[:2]) < SMALL else cv2.INTER_LINEAR
