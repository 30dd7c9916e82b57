"""Anomaly detectors on magnetic tiles at 224 px by the pipeline's own stages, with three kinds of split.

    python benchmarks/magnetic.py ZIP                    every detector, three splits by near-duplicate group
    python benchmarks/magnetic.py ZIP --split random     near-duplicates torn apart; also `archive`: the archive's own split

ZIP is in MVTec AD's layout. A tile is photographed up to six times: a random split, and the archive's own, have photographs
of one tile on both sides. In `grouped`, normal images are divided by the groups that the data stage finds, .75 to train, .1
to validation and .15 to test; `random` does the same image by image; all defects are tested. Numbers are means over the
splits. `half` is image AUROC against the half of the defects on which levels and side were not chosen. Wanted of the best
detector, grouped: image AUROC .92, pixel AUROC .85.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from darkroom import files
from darkroom.config.load import load
from darkroom.data import fetch, prepare
from darkroom.data.archives import unpack
from darkroom.data.config import FetchSpec, PrepareSpec
from darkroom.data.store import open_store
from darkroom.detect import evaluate, fit
from darkroom.detect.config import EvaluateSpec, FitSpec
from darkroom.log import silent
from darkroom.measure.ranking import auroc
from darkroom.planning.plan import Plan
from darkroom.randomness import derive

VAL, TEST = 0.1, 0.15
PADIM = {"name": "padim", "levels": [3, 4]}
PATCHCORE = {"name": "patchcore"}
FINE = {"name": "patchcore", "levels": [1, 2, 3]}
DETECTORS: dict[str, dict[str, Any]] = {
    "pca": {"name": "pca", "components": 128},
    "mahalanobis": {"name": "mahalanobis", "components": 128},
    "padim": {"name": "padim"},
    "padim 3 4": PADIM,
    "patchcore": PATCHCORE,
    "patchcore, smoothed 12": PATCHCORE | {"smoothing": 12},
    "patchcore 1 2 3, smoothed 24": FINE | {"smoothing": 24},
    "average": {"name": "average", "of": [PADIM, PATCHCORE]},
    "average 1 2 3": {"name": "average", "of": [PADIM, FINE]},
    "average of 3": {"name": "average", "of": [PADIM, PATCHCORE, PATCHCORE | {"levels": [2, 3, 4]}]},
}
SPLITS = ("grouped", "random", "archive")


def main() -> None:
    """Run the stages and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--split", choices=SPLITS, default="grouped")
    parser.add_argument("--splits", type=int, default=3, help="how many draws; the archive has one")
    parser.add_argument("--detectors", nargs="+", choices=[*DETECTORS], default=[*DETECTORS])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        unpack(given.archive, folder / "tiles")
        root = next(path.parent for path in sorted((folder / "tiles").rglob("train")) if path.is_dir())
        draws = 1 if given.split == "archive" else given.splits
        found = [
            row
            for draw in range(draws)
            for row in measured(
                prepared(root, folder / f"{draw}", given.split, draw), folder / f"{draw}", given.detectors
            )
        ]
    show(pd.DataFrame(found), given.split, draws)


def prepared(root: Path, out: Path, split: str, seed: int) -> Path:
    """The store of one split."""
    if split == "archive":
        return store(out / "archive", {"name": "mvtec", "path": str(root)})
    table = root / f"{split}-{seed}.csv"
    rows = [
        {"path": path.relative_to(root).as_posix(), "label": path.parent.name, "split": "", "mask": mask(root, path)}
        for path in sorted(root.glob("t*/*/*"))
        if path.suffix in {".jpg", ".png"}
    ]
    write(table, rows)
    items = open_store(store(out / "undivided", {"name": "manifest", "path": str(table)})).items
    groups = dict(zip(items["id"], items["group"] if split == "grouped" else items["id"], strict=True))
    normal = [row for row in rows if row["label"] == "good" and row["path"] in groups]
    order = sorted({groups[row["path"]] for row in normal}, key=lambda group: derive(seed, split, str(group)))
    place = {group: number for number, group in enumerate(order)}
    normal.sort(key=lambda row: place[groups[row["path"]]])
    for number, row in enumerate(normal):
        first = next(other for other in range(number + 1) if groups[normal[other]["path"]] == groups[row["path"]])
        share = first / len(normal)  # a group goes where its first image falls
        row["split"] = "test" if share < TEST else "val" if share < TEST + VAL else "train"
    for row in rows:
        row["split"] = row["split"] or "test"
    write(table, rows)
    return store(out / "divided", {"name": "manifest", "path": str(table)})


def mask(root: Path, path: Path) -> str:
    """Where the mask of an image lies; empty where it has none."""
    found = root / "ground_truth" / path.parent.name / f"{path.stem}_mask.png"
    return found.relative_to(root).as_posix() if found.exists() else ""


def write(path: Path, rows: list[dict[str, str]]) -> None:
    """The table of a `manifest` source."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def plan(source: dict[str, Any], detectors: dict[str, Any]) -> Plan:
    """The jobs of a config; those of detectors take no notice of the source."""
    entries = {f"d{number}": {"detector": detector} for number, detector in enumerate(detectors.values())}
    config = {
        "name": "tiles",
        "data": {"source": source, "size": 224},
        "detect": {"normal": "good", "detectors": entries},
    }
    return Plan(load(config, path="benchmarks/magnetic.py"))


def store(out: Path, source: dict[str, Any]) -> Path:
    """Fetch and prepare; the folder of the store."""
    jobs = plan(source, {})
    fetch.run(FetchSpec.model_validate_json(jobs.spec("data fetch")), out=out / "raw", log=silent)
    spec = PrepareSpec.model_validate_json(jobs.spec("data prepare"))
    prepare.run(spec, raw=out / "raw", out=out / "data", log=silent)
    return out / "data"


def measured(data: Path, out: Path, names: list[str]) -> Iterator[dict[str, Any]]:
    """Fit and evaluate by the stages, a row a detector."""
    jobs = plan({"name": "sklearn"}, {name: DETECTORS[name] for name in names})
    for number, name in enumerate(names):
        wild = {"task": "normal-good", "detector": f"d{number}", "seed": 0}
        model, made = out / name / "model", out / name / "evaluation"
        fitting = FitSpec.model_validate_json(jobs.spec("detect fit", **wild))
        fit.run(fitting, data=data, out=model, log=silent)
        evaluating = EvaluateSpec.model_validate_json(jobs.spec("detect evaluate", **wild))
        evaluate.run(evaluating, data=data, model=model, out=made, log=silent)
        metrics = files.read_json(made / "metrics.json")
        scores = pd.read_parquet(made / "scores.parquet").query("split == 'test'")
        held = ~scores["anomalous"] | np.array([derive(0, "half", item) % 2 for item in scores["id"]], bool)
        pixel = metrics["pixel"]
        yield {
            "detector": name,
            "image": metrics["image"]["auroc"]["value"],
            "half": float(auroc(scores["anomalous"].to_numpy()[held], scores["score"].to_numpy()[held])[0]),
            **{part: pixel[part]["value"] for part in ("auroc", "aupro", "average_precision") if part in pixel},
            **{f"of {kind}": each["auroc"]["value"] for kind, each in metrics["by_class"].items()},
            "fit s": files.read_json(model / files.TIMING)["seconds"],
            "ms": files.read_json(made / files.TIMING)["ms_per_image"],
            "MB": sum(path.stat().st_size for path in model.iterdir()) / 1e6,
        }
        print(f"{name}: {metrics['image']['auroc']['value']:.3f}", flush=True)


def show(found: pd.DataFrame, split: str, draws: int) -> None:
    """The means over the draws."""
    table = found.groupby("detector", sort=False).mean()
    print(
        f"\n{split}, mean of {draws}; AUROC of images, on half of the defects, of pixels, AUPRO, pixel AP, AUROC by defect"
    )
    with pd.option_context("display.width", 200, "display.max_columns", 20, "display.precision", 3):
        print(table)


if __name__ == "__main__":
    main()
