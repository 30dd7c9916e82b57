"""How pixels that move are interpolated, and what comes in from outside, by the names that the config uses.

Images are interpolated by nearest pixel unless told otherwise: a network trained on small images softened by linear
interpolation does worse on the sharp test images. Linear or cubic suits images of a hundred pixels and more.
"""

from __future__ import annotations

import cv2

FILLS = {"reflect": cv2.BORDER_REFLECT_101, "constant": cv2.BORDER_CONSTANT, "edge": cv2.BORDER_REPLICATE}
INTERPOLATIONS = {
    "nearest": cv2.INTER_NEAREST,
    "linear": cv2.INTER_LINEAR,
    "cubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
}
