"""Write images of any size and color into arrays of one size, one at a time, without holding them in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
MIXED_SIZE = (64, 64)
"""Height and width if the images differ and the config names no size."""


def fit(image: Bytes, size: tuple[int, int], *, how: str, mask: bool = False) -> Bytes:
    """Fit an image (H, W, C) or a mask (H, W) to `size` (height, width).

    `how`: `pad` keeps all of it, centered on black; `crop` fills the size and cuts off both sides; `stretch` distorts.
    Images are reduced by area averaging and enlarged bicubically; masks use nearest neighbor.
    """
    height, width = size
    h, w = image.shape[:2]
    if (h, w) == size:
        return image
    if how == "crop":
        scale = max(height / h, width / w)
        h, w = max(1, round(height / scale)), max(1, round(width / scale))
        top, left = (image.shape[0] - h) // 2, (image.shape[1] - w) // 2
        image = image[top : top + h, left : left + w]
    if how != "pad":
        return _resized(image, size, nearest=mask)
    scale = min(height / h, width / w)
    scaled = _resized(image, (max(1, round(h * scale)), max(1, round(w * scale))), nearest=mask)
    h, w = scaled.shape[:2]
    whole = np.zeros((*size, *image.shape[2:]), np.uint8)
    top, left = (height - h) // 2, (width - w) // 2
    whole[top : top + h, left : left + w] = scaled
    return whole


def unfit(values: NDArray[np.float32], size: tuple[int, int], *, how: str) -> NDArray[np.float32]:
    """Return a map (H, W) of a fitted image at the image's original `size` (height, width): the inverse of `fit`.

    Interpolated linearly; -inf where `crop` cut the image off.
    """
    (height, width), (h, w) = values.shape, size
    if how == "pad":
        scale = min(height / h, width / w)
        inner_h, inner_w = max(1, round(h * scale)), max(1, round(w * scale))
        top, left = (height - inner_h) // 2, (width - inner_w) // 2
        values = values[top : top + inner_h, left : left + inner_w]
    whole = np.full(size, -np.inf, np.float32)
    if how == "crop":
        scale = max(height / h, width / w)
        h, w = max(1, round(height / scale)), max(1, round(width / scale))
    top, left = (size[0] - h) // 2, (size[1] - w) // 2
    resized = cv2.resize(np.ascontiguousarray(values), (w, h), interpolation=cv2.INTER_LINEAR)
    whole[top : top + h, left : left + w] = resized
    return whole


def to_shape(image: Bytes, shape: tuple[int, int, int], *, how: str) -> Bytes:
    """Fit an image (H, W, C) to a shape (height, width, channels), converting to gray before or to RGB after."""
    if image.shape[2] > shape[2]:
        image = to_gray(image)
    fitted = fit(image, shape[:2], how=how)
    return _to_rgb(fitted) if fitted.shape[2] < shape[2] else fitted


def to_gray(image: Bytes) -> Bytes:
    """Convert (H, W, 3) to (H, W, 1): the luma of ITU-R BT.601."""
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY), np.uint8)[:, :, None]


class Canvas:
    """Writes `samples.npy` (N, H, W, C) and `masks.npy` (M, H, W) row by row.

    Without a `size`, images keep theirs as long as all agree; at the first that differs, everything written so far is
    fitted to `MIXED_SIZE`. With color `auto`, the array becomes RGB at the first color image. So one pass over the images
    is enough.
    """

    def __init__(self, root: Path, *, size: tuple[int, int] | None, how: str, color: str) -> None:
        self.images, self.masks = _Rows(root / "samples.npy"), _Rows(root / "masks.npy")
        self.size, self.how, self.color = size, how, color
        self.free = size is None
        """Whether the size is still the images' own."""
        self.channels = 3 if color == "rgb" else 1
        self.vanished = 0
        """Number of masks that marked something before they were fitted and nothing after."""

    def add(self, image: Bytes, mask: Bytes | None = None) -> int:
        """Write an image (H, W, 1 or 3) and its mask (H, W); return the mask's row, or -1 without a mask."""
        if self.size is None:
            self.size = (image.shape[0], image.shape[1])
        elif self.free and self.size != image.shape[:2]:
            self.free, self.size = False, MIXED_SIZE
            self.images.replace(lambda row: fit(row, MIXED_SIZE, how=self.how))
            self.masks.replace(lambda row: fit(row, MIXED_SIZE, how=self.how, mask=True))
        if image.shape[2] > self.channels and self.color == "auto":
            self.channels = 3
            self.images.replace(_to_rgb)
        self.images.append(to_shape(image, (*self.size, self.channels), how=self.how))
        if mask is None:
            return -1
        fitted = fit(mask, self.size, how=self.how, mask=True)
        self.vanished += bool(mask.any() and not fitted.any())
        self.masks.append(fitted)
        return self.masks.count - 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.images.close()
        self.masks.close()


class _Rows:
    """A .npy file of uint8 rows, appended by plain writes: on a full disk a memory map would crash the process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self.shape: tuple[int, ...] = ()

    def append(self, row: Bytes) -> None:
        if not self.count:
            self.shape = row.shape
            self.stream = self.path.open("w+b", buffering=1 << 20)
            self._head()
        if row.shape != self.shape:
            raise ValueError(f"expected a row of shape {self.shape}, got {row.shape}")
        self.stream.write(np.ascontiguousarray(row).data)
        self.count += 1

    def replace(self, change: Callable[[Bytes], Bytes]) -> None:
        """Rewrite the file with every row changed."""
        if not self.count:
            return
        self.close()
        old, kept = np.load(self.path, mmap_mode="r", allow_pickle=False), self.path
        self.path, self.count = kept.with_suffix(".new"), 0
        for row in old:
            self.append(change(np.asarray(row)))
        self.stream.flush()
        self.path.replace(kept)
        self.path = kept

    def close(self) -> None:
        """Write the number of rows into the header, which numpy pads for this."""
        if not self.count or self.stream.closed:
            return
        self.stream.seek(0)
        self._head()
        self.stream.close()

    def _head(self) -> None:
        head = {"descr": "|u1", "fortran_order": False, "shape": (self.count, *self.shape)}
        np.lib.format.write_array_header_1_0(self.stream, head)


def _to_rgb(image: Bytes) -> Bytes:
    return np.repeat(image, 3, axis=2)


def _resized(image: Bytes, size: tuple[int, int], *, nearest: bool) -> Bytes:
    (height, width), (h, w) = size, image.shape[:2]
    if nearest:
        return _scaled(image, size, cv2.INTER_NEAREST_EXACT)
    reduced = _scaled(image, (min(h, height), min(w, width)), cv2.INTER_AREA)
    return _scaled(reduced, size, cv2.INTER_CUBIC)


def _scaled(image: Bytes, size: tuple[int, int], method: int) -> Bytes:
    if image.shape[:2] == size:
        return image
    # one channel at a time: some processors round three at once differently, and gray images may have one or three
    channels = [np.ascontiguousarray(channel) for channel in np.moveaxis(image, 2, 0)] if image.ndim == 3 else [image]
    scaled = [cv2.resize(channel, (size[1], size[0]), interpolation=method) for channel in channels]
    return np.asarray(np.stack(scaled, axis=-1), np.uint8).reshape(*size, *image.shape[2:])
