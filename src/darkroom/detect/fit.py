"""The job `detect fit`: fit one detector with one seed on the normal training images, contaminated if asked."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import torch

from darkroom import files
from darkroom.data.store import copy_preparation, open_store
from darkroom.detect.config import FitSpec
from darkroom.detect.detector import CLASSIFIER, FitInputs, build
from darkroom.detect.items import contaminated, labels_given, normal_rows, tested_rows
from darkroom.fit.model import save_model
from darkroom.log import Log
from darkroom.nets import pretrained
from darkroom.randomness import derive


def run(
    spec: FitSpec,
    *,
    data: Path,
    classifier: Path | None = None,
    weights: Path | None = None,
    out: Path,
    checkpoints: Path | None = None,
    log: Log,
) -> None:
    """Fit on the normal images in the train split of the prepared store `data`.

    If the detector uses a trained `classifier` as feature extractor, a copy of it is saved with the detector. Raises
    ValueError if the train or the validation split has no normal image, the test split has no image, or the train split has
    too few other images for the contamination.
    """
    spec, store = pretrained.localized(spec, weights), open_store(data)
    normal, val = (normal_rows(store, split, spec.normal) for split in ("train", "val"))
    train = contaminated(store, normal, spec.normal, spec.contamination, seed=spec.seed)
    tested_rows(store, spec.normal)  # raise before training, not after
    torch.set_num_threads(spec.training.threads if spec.training else 1)
    torch.manual_seed(derive(spec.seed, "weights"))
    detector = build(spec.detector, store.shape, trained=classifier)
    labels = np.full(len(store.samples), -1)
    for rows in (train, val):
        labels[rows] = labels_given(store, rows, spec.normal, seed=spec.seed)
    inputs = FitInputs(
        images=store.samples,
        train=train,
        val=val,
        labels=labels,
        training=spec.training,
        seed=spec.seed,
        log=log,
        checkpoints=checkpoints,
    )
    started = time.monotonic()
    fitted = detector.fit(inputs)
    seconds = time.monotonic() - started
    with files.folder(out) as fresh:
        save_model(
            fresh,
            detector,
            plugin=spec.detector,
            shape=store.shape,
            classes=store.classes,
            fitted=fitted,
            samples=store.kind,
        )
        copy_preparation(data, fresh)
        if classifier is not None:
            shutil.copytree(classifier, fresh / CLASSIFIER, ignore=shutil.ignore_patterns(files.TIMING))
        if fitted is None:
            times = {"seconds": seconds, "images_per_second": len(train) / max(seconds, 1e-9)}
            files.write_json(fresh / files.TIMING, times)
