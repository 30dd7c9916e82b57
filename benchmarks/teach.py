"""What detectors learn from verdicts on magnetic tiles, by `darkroom detect teach`.

    python benchmarks/teach.py ZIP                      false alarms and misses among new tiles
    python benchmarks/teach.py ZIP --gain 0.85          under darker light

ZIP is in MVTec AD's layout. Normal tiles are divided by groups of near-duplicates, defects at random, into images to train on,
validation, new and test images. Verdicts on the new images are the truth: flagged normal tiles are false alarms, defects below
the threshold are misses, and all others are right. With `--gain`, new and test images are multiplied by it. `false alarms` and
`recall` are shares of the test images, before and after; seconds are those of fitting, and of taking the false alarms in, scoring
and measuring the new version. Wanted: fewer false alarms at no loss of AUROC, or a refusal.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

import darkroom
import magnetic
from darkroom import files
from darkroom.__main__ import main as command
from darkroom.data.archives import unpack
from darkroom.data.store import open_store
from darkroom.detect import evaluate, fit
from darkroom.detect.config import EvaluateSpec, FitSpec
from darkroom.library import LoadedDetector
from darkroom.log import silent
from darkroom.measure.ranking import auroc
from darkroom.randomness import derive

DETECTORS: dict[str, dict[str, Any]] = {"padim": magnetic.PADIM, "patchcore": magnetic.PATCHCORE}
SHARES = {"train": 0.4, "val": 0.15, "new": 0.2, "test": 0.25}
RULE = {"false_alarms": 0.05, "threshold": "quantile", "examples": 1, "resamples": 10}


def main() -> None:
    """Print what each teaching changed, and a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--gain", type=float, default=1.0)
    parser.add_argument("--splits", type=int, default=2)
    parser.add_argument("--tolerance", type=float, default=0.02)
    parser.add_argument("--detectors", nargs="+", choices=[*DETECTORS], default=[*DETECTORS])
    given = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        unpack(given.archive, folder / "tiles")
        root = next(path.parent for path in sorted((folder / "tiles").rglob("train")) if path.is_dir())
        for seed in range(given.splits):
            data, new = divided(root, folder / str(seed), seed, given.gain)
            for name in given.detectors:
                out = folder / str(seed) / name / "seed-0"
                found.append({"detector": name} | taught(name, data, new, out, given.gain, given.tolerance))
    print(f"\nmean of {given.splits} splits, new and test images multiplied by {given.gain:g}")
    print(pd.DataFrame(found).groupby("detector", sort=False).mean().round(3).to_string())


def divided(root: Path, out: Path, seed: int, gain: float) -> tuple[Path, Path]:
    """Prepare a store without the new images, and write those to a folder; return both."""
    rows = [
        {"path": path.relative_to(root).as_posix(), "label": path.parent.name, "split": ""}
        for path in sorted(root.glob("t*/*/*"))
        if path.suffix in {".jpg", ".png"}
    ]
    table = root / f"taught-{seed}.csv"
    magnetic.write(table, rows)
    items = open_store(magnetic.store(out / "undivided", {"name": "manifest", "path": str(table)})).items
    groups = dict(zip(items["id"], items["group"].astype(str), strict=True))
    rows = [row for row in rows if row["path"] in groups]
    ends, kinds = np.cumsum(list(SHARES.values())), list(SHARES)
    for row in rows:
        normal = row["label"] == "good"
        place = derive(seed, groups[row["path"]] if normal else row["path"]) % 10_000 / 10_000
        if not normal:  # none to train on
            place = SHARES["train"] + place * (1 - SHARES["train"])
        row["split"] = kinds[int(np.searchsorted(ends, place, side="right").clip(max=len(kinds) - 1))]
    magnetic.write(table, [row for row in rows if row["split"] != "new"])
    new = out / "new"
    for row in rows:
        if row["split"] == "new":
            path = new / row["label"] / f"{Path(row['path']).stem}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(darkened(np.asarray(Image.open(root / row["path"])), gain)).save(path)
    return magnetic.store(out / "divided", {"name": "manifest", "path": str(table)}), new


def darkened(images: NDArray[np.uint8], gain: float) -> NDArray[np.uint8]:
    """Multiply images."""
    values = np.rint(np.arange(256) * gain).clip(max=255).astype(np.uint8)
    found: NDArray[np.uint8] = values[images]
    return found


def taught(name: str, data: Path, new: Path, out: Path, gain: float, tolerance: float) -> dict[str, float]:
    """Fit and evaluate a detector, teach it, and measure both versions."""
    given = {"detector": DETECTORS[name], "normal": ["good"], "seed": 0}
    started = time.monotonic()
    fit.run(FitSpec.model_validate(given), data=data, out=out / "model", log=silent)
    fitted = time.monotonic() - started
    spec = EvaluateSpec.model_validate(given | RULE)
    evaluate.run(spec, data=data, model=out / "model", out=out / "evaluation", log=silent)
    files.write_json(out / "evaluation" / files.RECORD, {"spec": spec.model_dump(mode="json"), "code": ""})
    table = out.with_name("verdicts.csv")
    judge(*loaded(out), new, table)
    started = time.monotonic()
    words = ["--model", str(out), "--verdicts", str(table), "--images", str(new), "--data", str(data)]
    print(f"{name}:", flush=True)
    refused = command(["detect", "teach", *words, "--tolerance", str(tolerance)])
    learned = time.monotonic() - started
    row: dict[str, float] = {"refused": refused}
    for when, folder in (("before", out), ("after", out if refused else out.with_name("taught-1"))):
        row |= {f"{what} {when}": value for what, value in measured(*loaded(folder), data, gain).items()}
    return row | {"fit s": fitted, "teach s": learned}


def judge(detector: LoadedDetector, threshold: float, new: Path, table: Path) -> None:
    """Write the verdicts of an operator who knows the truth."""
    paths = sorted(new.rglob("*.png"))
    with table.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "verdict"])
        for path, score in zip(paths, detector(paths).scores, strict=True):
            anomalous = path.parent.name != "good"
            wrong = "miss" if anomalous else "false alarm"
            verdict = "right" if (score > threshold) == anomalous else wrong
            writer.writerow([path.relative_to(new).as_posix(), verdict])


def measured(detector: LoadedDetector, threshold: float, data: Path, gain: float) -> dict[str, float]:
    """Return AUROC, and the shares of normal and of anomalous test images that are flagged."""
    store = open_store(data)
    rows = store.rows("test")
    anomalous = np.array([store.classes[k] != "good" for k in store.labels[rows]])
    scores = detector(darkened(np.asarray(store.samples[rows]), gain)).scores
    flagged = scores > threshold
    found = {"false alarms": flagged[~anomalous].mean(), "recall": flagged[anomalous].mean()}
    return {"AUROC": float(auroc(anomalous, scores.astype(np.float64))[0])} | found


def loaded(folder: Path) -> tuple[LoadedDetector, float]:
    """Load a detector and its threshold."""
    found = darkroom.load(folder)
    assert isinstance(found, LoadedDetector)
    assert found.threshold is not None
    return found, found.threshold


if __name__ == "__main__":
    main()
