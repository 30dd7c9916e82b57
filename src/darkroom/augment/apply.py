"""The job `augment apply`: write a policy's transformed copies of the training samples, recording what was applied."""

from __future__ import annotations

import time
from pathlib import Path

from darkroom import files, registry
from darkroom.augment import copies
from darkroom.augment.config import ApplySpec
from darkroom.augment.copies import CopyMaker
from darkroom.data.store import describe_store, open_store
from darkroom.log import Log


def run(spec: ApplySpec, *, data: Path, out: Path, log: Log, workers: int = 1) -> None:
    """Write transformed copies of the training samples of the store at `data` as a store at `out`.

    The bytes do not depend on `workers`, the number of processes. Raises ValueError if there is no training sample, or none
    gets a copy.
    """
    if workers < 1:
        raise ValueError(f"--workers is {workers}; it must be at least 1")
    store = open_store(data)
    planned = copies.plan(spec, store)
    maker: CopyMaker = registry.build(spec.maker)
    with files.folder(out) as fresh:
        started = time.perf_counter()
        table = maker.make(spec, planned, data=data, folder=fresh, workers=workers)
        seconds = time.perf_counter() - started
        describe_store(
            fresh,
            name=store.name,
            classes=store.classes,
            items=table,
            target=store.target,
            kind=store.kind,
            sizes=store.sizes,
        )
        speed = len(table) / seconds
        timing = {"seconds": round(seconds, 3), "images_per_second": round(speed, 1), "workers": workers}
        files.write_json(fresh / files.TIMING, timing)
    log({"copies/images": len(table), "copies/images_per_second": speed})
