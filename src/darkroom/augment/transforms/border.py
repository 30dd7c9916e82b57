"""Interpolation and border modes of warped images by config name.

Nearest-neighbor suits small images: a network trained on small images blurred by linear interpolation does worse on sharp
test images. It also suits images with few distinct values, which it does not mix, but makes photographs jagged.
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
    """Return OpenCV's flag; `auto` depends on the size of the image (H, W, C) and its number of distinct values."""
    if interpolation != "auto":
        return INTERPOLATIONS[interpolation]
    few = np.count_nonzero(np.bincount(image.ravel(), minlength=256)) <= FEW_VALUES
    return cv2.INTER_NEAREST if few or min(image.shape[:2]) < SMALL else cv2.INTER_LINEAR
