"""Make transformed copies of recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from darkroom.augment.classes import PerClass
from darkroom.augment.config import ApplySpec
from darkroom.augment.copies import Planned
from darkroom.augment.sound_pipeline import SoundPipeline
from darkroom.augment.strength import scaled
from darkroom.data.store import new_array
from darkroom.registry import register


@register("copy maker", "audio")
class AudioCopies:
    """Copies of recordings by audiomentations."""

    def make(self, spec: ApplySpec, planned: Planned, *, data: Path, folder: Path, workers: int) -> pd.DataFrame:
        """Write the copies to `samples.npy`; return their table with what was applied."""
        store, table = planned.store, planned.table
        waves = new_array(folder / "samples.npy", (len(table), store.samples.shape[1]), np.int16)
        pipelines = _pipelines(spec, planned.settings, store.shape[1])
        applied = []
        places = zip(planned.origins, table["copy"], table["parent"], table["label"], strict=True)
        for place, (row, copy, parent, label) in enumerate(places):
            made = pipelines[label].draw(store.samples[row], item=parent, copy=copy)
            waves[place] = made.waveform
            applied.append(made.applied)
        return table.assign(transforms=applied)


def _pipelines(spec: ApplySpec, settings: PerClass, rate: int) -> list[SoundPipeline]:
    """Return a pipeline for each class, and a last one for unlabeled recordings."""
    found = []
    for label in (*range(len(settings.copies) - 1), -1):
        steps = [scaled(step, settings.strength(label, step.name)) for step in spec.offline]  # type: ignore[attr-defined]
        found.append(SoundPipeline([step for step in steps if step is not None], rate, seed=spec.seed))
    return found
