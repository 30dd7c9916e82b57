"""The job `generate fold`: draw the copies of one training of a cross-validation, from a generator of its own.

Generator and judge are trained inside the training part of the fold, so that nothing of the held-out images reaches the
copies. A tenth of that part, the one that early stopping of a classifier watches, only validates them.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from darkroom import files
from darkroom.classify.tuning.folds import divided, watched
from darkroom.data.store import ITEMS, Store, describe_store, open_store
from darkroom.generate import judge, synthesize, train
from darkroom.generate.config import FoldSpec
from darkroom.log import Log, silent


def run(
    spec: FoldSpec,
    *,
    data: Path,
    weights: Path | None = None,
    out: Path,
    checkpoints: Path | None = None,
    log: Log,
) -> None:
    """Write the store of copies that `classify fold` trains on; `weights` are those of a pretrained judge.

    It is empty if no class of the fold's training part lacks samples, which may happen in nearly balanced sets.
    Raises ValueError if the rarest class has too few images for the folds, or what `generate synthesize` raises.
    """
    with tempfile.TemporaryDirectory() as root:
        part, judging, model = (Path(root, name) for name in ("part", "judge", "model"))
        _inside(spec, data, part)
        if not synthesize.wanted(spec.synthesize, open_store(part))[1].any():
            _nothing(open_store(part), out)
            return
        kept = {name: checkpoints and checkpoints / name for name in ("judge", "model")}
        judge.run(spec.judge, data=part, weights=weights, out=judging, checkpoints=kept["judge"], log=silent)
        train.run(spec.train, data=part, out=model, checkpoints=kept["model"], log=silent)
        synthesize.run(spec.synthesize, data=part, model=model, judge=judging, out=out, log=log)


def _inside(spec: FoldSpec, data: Path, part: Path) -> None:
    """Link the prepared store `data` as `part`, in which all but the training part of the fold are test images."""
    store = open_store(data)
    trained, seen = watched(store, divided(store, count=spec.folds, fold=spec.fold, seed=spec.seed)[0], seed=spec.seed)
    split = np.full(len(store.items), "test", dtype=object)
    split[trained], split[seen] = "train", "val"
    part.mkdir()
    for path in data.iterdir():
        if path.name not in (ITEMS, files.MANIFEST):
            (part / path.name).symlink_to(path.absolute())
    store.items.assign(split=split).to_parquet(part / ITEMS, index=False)
    files.write_manifest(part)


def _nothing(store: Store, out: Path) -> None:
    """Write a store without copies."""
    with files.folder(out) as fresh:
        np.save(fresh / "samples.npy", store.samples[:0])
        items = store.items.iloc[:0].assign(parent="", copy=0, transforms="")
        describe_store(fresh, name=store.name, classes=store.classes, items=items, kind=store.kind, sizes=store.sizes)
