"""Make transformed copies of texts, with the parents' tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.augment.config import ApplySpec
from darkroom.augment.copies import Planned
from darkroom.augment.makers.processes import by_class
from darkroom.augment.text.pipeline import TextPipeline
from darkroom.data.store import Store, new_array
from darkroom.data.text.coder import Coder, read_coder
from darkroom.registry import register
from darkroom.settings import Section


@register("copy maker", "text")
class TextCopies:
    """Copies of texts."""

    def make(self, spec: ApplySpec, planned: Planned, *, data: Path, folder: Path, workers: int) -> pd.DataFrame:
        """Write the copies' tokens to `samples.npy`; return their table with the texts and what was applied.

        One process makes them all, whatever the number of `workers`, so that a translator starts once per strength.
        """
        table, labels = planned.table, planned.table["label"].to_numpy()
        parents = planned.store.items["text"].to_numpy(dtype=object)[planned.origins]
        texts, applied = np.empty(len(table), object), np.empty(len(table), object)
        pipelines = by_class(spec, planned.settings, lambda steps: TextPipeline(steps, seed=spec.seed))
        for pipeline in dict.fromkeys(pipelines):
            own = np.flatnonzero([pipelines[label] is pipeline for label in labels])
            drawn = pipeline.draw(
                parents[own].tolist(),
                items=table["parent"].to_numpy(dtype=object)[own].tolist(),
                copies=table["copy"].to_numpy()[own].tolist(),
            )
            texts[own], applied[own] = drawn.texts, drawn.applied
        coder = read_coder(data)
        new_array(folder / "samples.npy", (len(table), coder.length), np.int32)[:] = coder.samples(texts.tolist())
        return table.assign(text=texts, transforms=applied)

    def copier(self, transforms: Sequence[Section], store: Store, *, data: Path, seed: int) -> TextCopier:
        """Return what makes copies of texts in memory."""
        return TextCopier(TextPipeline(transforms, seed=seed), store, read_coder(data))


class TextCopier:
    """Makes copies of a store's texts from their ids."""

    def __init__(self, pipeline: TextPipeline, store: Store, coder: Coder) -> None:
        self._pipeline, self._coder = pipeline, coder
        self._known: dict[str, str] = dict(zip(store.items["id"], store.items["text"], strict=True))

    def texts(self, ids: Sequence[str], copy: int) -> list[str]:
        """Return the copies with one number as strings."""
        originals = [self._known[name] for name in ids]
        return self._pipeline.draw(originals, items=ids, copies=[copy] * len(ids)).texts

    def __call__(self, samples: NDArray[np.int32], ids: Sequence[str], copy: int) -> NDArray[np.int32]:
        """Return the copies' tokens."""
        return self._coder.samples(self.texts(ids, copy))
