"""Make transformed copies of images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.augment.config import ApplySpec
from darkroom.augment.copies import Copier, Planned, per_class
from darkroom.augment.makers.processes import Chunk, Job, by_class, spread
from darkroom.augment.pipeline import Pipeline
from darkroom.data.store import Store, new_array, open_store
from darkroom.registry import register
from darkroom.settings import Section


@register("copy maker", "image")
class ImageCopies:
    """Copies of images by Albumentations."""

    def make(self, spec: ApplySpec, planned: Planned, *, data: Path, folder: Path, workers: int) -> pd.DataFrame:
        """Write the copies to `samples.npy`, and `masks.npy` if any has a mask; return their table with what was applied.

        The bytes do not depend on `workers`, the number of processes.
        """
        store, table = planned.store, planned.table
        new_array(folder / "samples.npy", (len(table), *store.samples.shape[1:]))
        masked = int((table["mask"] >= 0).sum())
        if masked and store.masks is not None:
            new_array(folder / "masks.npy", (masked, *store.masks.shape[1:]))
        job = Job(spec.model_dump_json(), data.resolve(), folder.resolve())
        return table.assign(transforms=spread(Painter, job, planned, workers=workers))

    def copier(self, transforms: Sequence[Section], store: Store, *, data: Path, seed: int) -> Copier:
        """Return what makes copies of images in memory."""
        _, height, width, _ = store.samples.shape
        pipeline = Pipeline(transforms, (height, width), seed=seed)
        return lambda images, ids, copy: np.stack(
            [pipeline.draw(image, item=item, copy=copy).image for image, item in zip(images, ids, strict=True)]
        )


class Painter:
    """Make copies: read the parents' images, and write into the output arrays in place."""

    def __init__(self, job: Job) -> None:
        cv2.setNumThreads(0)  # parallelism comes from the worker processes only
        self._images, self._masks = _array(job.data / "samples.npy", "r"), _array(job.data / "masks.npy", "r")
        self._new_images, self._new_masks = _array(job.out / "samples.npy", "r+"), _array(job.out / "masks.npy", "r+")
        spec = ApplySpec.model_validate_json(job.policy)
        _, height, width, _ = self._images.shape
        settings = per_class(spec, open_store(job.data))
        self._pipelines = by_class(spec, settings, lambda steps: Pipeline(steps, (height, width), seed=spec.seed))

    def paint(self, chunk: Chunk) -> list[str]:
        """Make the copies of a chunk and return what was applied to each, as JSON."""
        applied = []
        places = zip(chunk.copies, chunk.rows, chunk.parents, chunk.labels, chunk.masks, strict=True)
        for target, (copy, row, parent, label, (old, new)) in enumerate(places, chunk.start):
            mask = None if old < 0 else self._masks[old]
            drawn = self._pipelines[label].draw(self._images[row], mask, item=parent, copy=copy)
            self._new_images[target] = drawn.image
            if drawn.mask is not None:
                self._new_masks[new] = drawn.mask
            applied.append(drawn.applied)
        return applied


def _array(path: Path, mode: Literal["r", "r+"]) -> NDArray[np.uint8]:
    """Memory-map a file as a plain array, as `memmap` slows down every access. Empty if there is no file."""
    if not path.exists():
        return np.empty((0, 0, 0), np.uint8)
    return np.asarray(np.load(path, mmap_mode=mode, allow_pickle=False))
