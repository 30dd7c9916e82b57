"""The ladder on an archive of class folders: accuracy and seconds of every rung, measured and counted, beside 20 lines.

    python benchmarks/ladder.py ZIP [--minutes 3] [--size 224] [--held-out test]

The 20 lines are scikit-learn's logistic regression with default settings on the same frozen features. The last column is
measured over counted seconds: `ladder.work` takes its constants from here. Wanted on ants_bees_320.zip with
`--held-out test`: the chosen rung reaches .95 of the 153 test images within 3 minutes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from darkroom import files
from darkroom.config.load import load
from darkroom.data import fetch, prepare
from darkroom.data.store import Store, labeled, open_store
from darkroom.fit.model import predict
from darkroom.job import allocator
from darkroom.ladder import climb
from darkroom.ladder.rungs import costs
from darkroom.log import silent
from darkroom.nets.backbone import Backbone
from darkroom.planning.plan import Plan

ARCHITECTURE, CORES = "tf_efficientnet_lite0", 2


def main() -> None:
    """Prepare the images, climb, and print the rungs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("place", type=Path)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--held-out", choices=["val", "test"], help="what the one part held out serves as")
    given = parser.parse_args()
    allocator.keep_freed_memory()  # as in every job
    source = {"name": "folder", "path": str(given.place)}
    data = {"source": source, "size": given.size, "resize": "crop", "split": {"held_out": given.held_out}}
    with tempfile.TemporaryDirectory() as temporary:
        plan, folder = planned(data, given.minutes), Path(temporary)
        fetch.run(plan.resolved("data fetch"), out=folder / "raw", log=silent)  # type: ignore[arg-type]
        prepare.run(plan.resolved("data prepare"), raw=folder / "raw", out=folder / "store", log=silent)  # type: ignore[arg-type]
        store = open_store(folder / "store")
        twenty_lines(store)
        spec: Any = plan.resolved("ladder climb")
        climb.run(spec, data=folder / "store", out=folder / "ladder", log=silent, workers=CORES)
        show(folder / "ladder", store, spec)


def planned(data: dict[str, Any], minutes: float) -> Plan:
    """Plan a config with a ladder."""
    return Plan(load({"name": "ladder", "data": data, "ladder": {"minutes": minutes}}, path="benchmarks/ladder.py"))


def twenty_lines(store: Store) -> None:
    """Print the accuracy and the seconds of frozen features with logistic regression."""
    started, network = time.perf_counter(), Backbone(ARCHITECTURE)
    train = np.concatenate([labeled(store, "train"), labeled(store, "val")])
    test = labeled(store, "test")
    known, asked = (predict(network, store.samples, rows, batch_size=32, workers=CORES) for rows in (train, test))
    model = LogisticRegression(max_iter=1000).fit(known, store.labels[train])
    right = model.score(asked, store.labels[test])
    print(f"{'20 lines':<12} test {right:.3f} of {len(test)}   {time.perf_counter() - started:6.1f} s", flush=True)


def show(folder: Path, store: Store, spec: Any) -> None:
    """Print the rungs, the chosen one marked, with measured and counted seconds."""
    found, times = (files.read_json(folder / name) for name in ("ladder.json", files.TIMING))
    counted = costs(spec.rungs, store, threads=spec.threads)
    train, test = found["images"]["train"], found["images"]["test"]
    for name, rung in found["rungs"].items():
        folds, seconds = rung["validation"]["folds"], times["rungs"][name]
        mark, accuracy = "*" if name == found["chosen"] else " ", rung["test"]
        cost, epochs = counted[name], rung["epochs"] or None
        each = cost.fit(train * 4 // 5, epochs) + cost.predict(train // 5)
        expected = folds * each + (cost.fit(train, epochs) + cost.predict(test) if accuracy else 0)
        tested = "{value:.3f} ({low:.3f}-{high:.3f})".format(**accuracy[0]) if accuracy else rung["status"]
        validated = "     " if rung["validation"]["accuracy"] is None else f"{rung['validation']['accuracy']:.3f}"
        ratio = f"{seconds / expected:.2f}" if expected else ""
        print(f"{name:<11}{mark} test {tested:<22} val {validated} {seconds:6.1f} s, counted {expected:6.1f}  {ratio}")
    print(f"features and curve {times['features_and_curve']:.1f} s, all {times['seconds']:.1f} s", flush=True)


if __name__ == "__main__":
    main()
