"""What is known of an image apart from its content: measured on its pixels as the network sees them, or of its file."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.data.store import Store, release

PIXELS = ("brightness", "contrast", "sharpness", "border_rows", "border_columns")
PLAIN = 8
"""Gray levels by which pixels of a plain border may differ, since JPEG adds noise."""


def measure(store: Store, rows: NDArray[np.int64]) -> pd.DataFrame:
    """Measure the pixels of these rows of a store: one row per image with the columns `PIXELS`.

    `brightness` and `contrast` are the mean and standard deviation of the gray values in [0, 1]; `sharpness` is the
    standard deviation of the Laplacian over that of the gray values, low where an image is blurred; `border_rows` and
    `border_columns` are the shares of rows and of columns in plain borders.
    """
    found = [_measured(np.asarray(store.samples[row])) for row in rows.tolist()]
    release(store.samples)
    return pd.DataFrame(found, columns=list(PIXELS))


def of_files(folder: Path, ids: pd.Series) -> pd.DataFrame:
    """Read what `data attributes` recorded of the files of these images, in their order."""
    table = pd.read_parquet(folder / "attributes.parquet").set_index("id")
    return table.loc[ids.to_numpy()].reset_index(drop=True)


def _measured(image: NDArray[np.uint8]) -> tuple[float, ...]:
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.shape[2] == 3 else image[:, :, 0]
    spread = float(gray.std())
    edges = cv2.Laplacian(gray, cv2.CV_32F, borderType=cv2.BORDER_REFLECT_101).std()
    rows, columns = _plain(image), _plain(image.swapaxes(0, 1))
    return float(gray.mean()) / 255, spread / 255, float(edges) / spread if spread else 0.0, rows, columns


def _plain(image: NDArray[np.uint8]) -> float:
    """Return the share of rows at the top and bottom of an image (H, W, C) that show one color, the same on each side."""
    values = image.astype(np.int16)
    flat = (values.max(1) - values.min(1)).max(1) <= PLAIN  # (H,)
    means = values.mean(1)
    runs = []
    for direction in (1, -1):
        color = means[::direction]
        same = flat[::direction] & (np.abs(color - color[0]).max(1) <= PLAIN)
        runs.append(len(same) if same.all() else int(same.argmin()))
    return min(sum(runs), len(values)) / len(values)
