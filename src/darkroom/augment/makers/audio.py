"""Make transformed copies of recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from darkroom.augment.config import ApplySpec
from darkroom.augment.copies import Copier, Planned, per_class
from darkroom.augment.makers.processes import Chunk, Job, by_class, spread
from darkroom.augment.sound_pipeline import SoundPipeline
from darkroom.data.store import Store, new_array, open_store
from darkroom.registry import register
from darkroom.settings import Section


@register("copy maker", "audio")
class AudioCopies:
    """Copies of recordings by audiomentations."""

    def make(self, spec: ApplySpec, planned: Planned, *, data: Path, folder: Path, workers: int) -> pd.DataFrame:
        """Write the copies to `samples.npy`; return their table with what was applied.

        The bytes do not depend on `workers`, the number of processes.
        """
        new_array(folder / "samples.npy", (len(planned.table), planned.store.samples.shape[1]), np.int16)
        job = Job(spec.model_dump_json(), data.resolve(), folder.resolve())
        return planned.table.assign(transforms=spread(Recorder, job, planned, workers=workers))

    def copier(self, transforms: Sequence[Section], store: Store, *, data: Path, seed: int) -> Copier:
        """Return what makes copies of recordings in memory."""
        pipeline = SoundPipeline(transforms, store.shape[1], seed=seed)
        return lambda waves, ids, copy: np.stack(
            [pipeline.draw(wave, item=item, copy=copy).waveform for wave, item in zip(waves, ids, strict=True)]
        )


class Recorder:
    """Makes copies: reads the parents' waveforms, and writes into the output array in place."""

    def __init__(self, job: Job) -> None:
        store = open_store(job.data)
        self._waves = store.samples
        self._new = np.load(job.out / "samples.npy", mmap_mode="r+", allow_pickle=False)
        spec = ApplySpec.model_validate_json(job.policy)
        rate = store.shape[1]
        self._pipelines = by_class(
            spec, per_class(spec, store), lambda steps: SoundPipeline(steps, rate, seed=spec.seed)
        )

    def paint(self, chunk: Chunk) -> list[str]:
        """Make the copies of a chunk and return what was applied to each, as JSON."""
        applied = []
        places = zip(chunk.copies, chunk.rows, chunk.parents, chunk.labels, strict=True)
        for target, (copy, row, parent, label) in enumerate(places, chunk.start):
            made = self._pipelines[label].draw(self._waves[row], item=parent, copy=copy)
            self._new[target] = made.waveform
            applied.append(made.applied)
        return applied
