"""The job `explore embed`: turn all images of a store into feature vectors."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from darkroom import files, registry
from darkroom.classify.transfer.frozen import ITEMS, VALUES
from darkroom.data.store import new_array, open_store
from darkroom.explore.config import EmbedSpec
from darkroom.log import Log
from darkroom.nets import pretrained


def run(
    spec: EmbedSpec,
    *,
    data: Path,
    weights: Path | None = None,
    classifier: Path | None = None,
    out: Path,
    log: Log,
    workers: int = 1,
) -> None:
    """Embed the prepared store `data`: features.npy (N, D) and items.parquet, in the order of the store's rows.

    The bytes do not depend on `workers`, the number of threads. Raises ValueError if a feature is not finite.
    """
    torch.set_num_threads(1)  # floating-point sums depend on it
    store = open_store(data)
    embedding = registry.build(pretrained.localized(spec.embedding, weights))
    started = time.monotonic()
    found = embedding.embed(store, classifier=classifier, workers=workers)
    seconds = time.monotonic() - started
    if not np.isfinite(found).all():
        raise ValueError(f"explore: features of {spec.embedding.name} are not finite")  # type: ignore[attr-defined]
    items = store.items[["id", "split", "label"]].assign(row=np.arange(len(store.items)), view=0)
    with files.folder(out) as fresh:
        values = new_array(fresh / VALUES, found.shape, np.float32)
        values[:] = found
        values.flush()  # type: ignore[attr-defined]
        pd.DataFrame(items).to_parquet(fresh / ITEMS, index=False)
        files.write_json(fresh / files.TIMING, {"seconds": seconds, "images_per_second": len(found) / seconds})
    log({"images_per_second": len(found) / max(seconds, 1e-9)})
