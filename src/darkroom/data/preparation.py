"""How a store's images were decoded and fitted, so that new images are prepared in exactly the same way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom import files
from darkroom.data.canvas import to_shape, unfit
from darkroom.data.item import UnreadableError
from darkroom.data.levels import Levels
from darkroom.data.store import PREPARATION

TOLERANCE = 1.02
"""Heights over widths within this factor are the same shape."""


@dataclass(frozen=True)
class Preparation:
    """What `data prepare` did to every image.

    `shapes` is the range of the images' height over width. `levels` holds the values that became black and white in deep
    images, by kind of number, as far as they are known.
    """

    height: int
    width: int
    channels: int
    resize: str
    color: str
    shapes: tuple[float, float]
    levels: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def decode(self, image: Path) -> NDArray[np.uint8]:
        """Decode a file to an upright image of its own size, (h, w, 1 or 3). Raises UnreadableError with the reason."""
        decoded = Levels((), used=self.levels).pixels(image)
        if decoded.shape[2] == 3 and self.channels == 1 and self.color == "auto":
            raise UnreadableError(
                "a color image, but all images of the data set were gray; if color does not matter, set data.color: gray and "
                "run again"
            )
        return decoded

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Fit a decoded image to the store's shape (H, W, C)."""
        return to_shape(image, (self.height, self.width, self.channels), how=self.resize)

    def remark(self, image: NDArray[np.uint8]) -> str:
        """Return a note on a decoded image whose shape is unlike the data set's; empty for all others."""
        (height, width), (low, high) = image.shape[:2], self.shapes
        if low / TOLERANCE <= height / width <= high * TOLERANCE:
            return ""
        seen = f"{low:.3g}" if high <= low * TOLERANCE else f"{low:.3g} to {high:.3g}"
        how = {"pad": "has borders", "crop": "is cut", "stretch": "is distorted"}[self.resize]
        return f"height over width is {height / width:.3g}, but {seen} in the data set: unlike those images, this one {how}"

    def lay_back(self, values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
        """Return a map (H, W) of a prepared image at its original `size` (height, width); -inf where the image was cut off."""
        return unfit(values, size, how=self.resize)

    def save(self, folder: Path) -> None:
        """Save to a stage's folder."""
        files.write_json(folder / PREPARATION, asdict(self))


def read_preparation(folder: Path) -> Preparation:
    """Read the preparation in a stage's folder. Raises FileNotFoundError if there is none."""
    path = folder / PREPARATION
    if not path.exists():
        raise FileNotFoundError(f"{folder} does not say how its images were prepared: there is no {PREPARATION}")
    found: dict[str, Any] = files.read_json(path)
    found["shapes"] = tuple(found["shapes"])
    levels = {kind: (black, white) for kind, (black, white) in found.pop("levels").items()}
    return Preparation(**found, levels=levels)
