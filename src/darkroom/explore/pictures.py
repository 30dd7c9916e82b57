"""Save the images that the report shows of a clustering."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from darkroom import sheets
from darkroom.data.store import Store
from darkroom.explore.clustering.found import Labels

SIDE = 96
"""Longer side of an image in pixels."""
SHOWN = 10
"""Most typical images, and as many of the oddest, per cluster."""
OUTLIERS = 30


def save_clusters(folder: Path, store: Store, clusters: Labels, ranks: Labels) -> list[dict[str, Any]]:
    """Write two strips per cluster, the typical and the odd images, and describe each cluster."""
    found = []
    for cluster in range(int(clusters.max(initial=-1)) + 1):
        rows = np.flatnonzero(clusters == cluster)
        rows = rows[np.argsort(ranks[rows])]
        odd = rows[max(SHOWN, len(rows) - SHOWN) :][::-1]
        found.append(
            {
                "images": len(rows),
                "typical": save(folder, f"cluster-{cluster}-typical", store, rows[:SHOWN]),
                "odd": save(folder, f"cluster-{cluster}-odd", store, odd) if len(odd) else None,
            }
        )
    return found


def save(folder: Path, name: str, store: Store, rows: Labels) -> dict[str, Any]:
    """Write a strip of images, and return what `sheets.save_strip` does with their ids and labels."""
    images = ({"image": sheets.rgb(sheets.reduced(np.asarray(store.samples[row]), SIDE))} for row in rows.tolist())
    strip = sheets.save_strip(folder, name, images, columns=SHOWN)
    items = store.items.iloc[rows]
    return {**strip, "ids": items["id"].astype(str).tolist(), "labels": store.labels[rows].tolist()}
