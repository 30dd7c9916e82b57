"""The ledger of a data set's results: which configurations have been measured on its test images, and how often.

One small file per look in `results/NAME/looks`, named by its content, so that jobs on many machines can write at once and a
repeated look at the same weights counts once. Results that were since replaced stay in it.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from darkroom import files

LOOKS = "looks"
EVALUATIONS = ("classify evaluate", "detect evaluate")
"""Stages that measure a trained model on the test images."""
DEPTH = 4
"""Folders between those of the results and of an evaluation: SECTION/.../.../seed-N."""


@dataclass(frozen=True)
class Looks:
    """How many configurations have been measured on the same test images, and how many trained models of them."""

    configurations: int = 0
    models: int = 0


def note(stage: str, spec: Mapping[str, Any], *, data: Path, model: Path, out: Path) -> None:
    """Note that `stage` with this spec measured the model in `model` on the test images of `data`, if `out` is in results.

    A look that cannot be noted, as on a full disk, fails nothing.
    """
    place = out.absolute()
    if stage not in EVALUATIONS or len(place.parts) < DEPTH + 2 or place.parts[-DEPTH - 1] != stage.split()[0]:
        return
    with contextlib.suppress(OSError, ValueError, KeyError):
        trained = files.read_json(model / files.RECORD)["spec"]
        settings = [{key: value for key, value in each.items() if key != "seed"} for each in (trained, spec)]
        weights = files.read_manifest(model)["weights.pt"]
        look = {
            "test": _digest(pd.read_parquet(data / "items.parquet", columns=["id", "split"])),
            "stage": stage,
            "job": "/".join(place.parts[-DEPTH - 1 : -1]),
            "configuration": _hash(files.canonical(settings)),
            "weights": weights,
        }
        folder = place.parents[DEPTH] / LOOKS
        folder.mkdir(exist_ok=True)
        files.write_json(folder / f"{_hash(files.canonical(look))}.json", look)


def read(results: Path, data: Path) -> Looks:
    """Count the looks at the present test images of the prepared set `data` that the ledger in `results` has."""
    if not (results / LOOKS).is_dir():
        return Looks()
    test = _digest(pd.read_parquet(data / "items.parquet", columns=["id", "split"]))
    found: list[dict[str, Any]] = [files.read_json(path) for path in sorted((results / LOOKS).glob("*.json"))]
    same = [look for look in found if look.get("test") == test]
    configurations = {(look["stage"], look["job"].rpartition("/")[0], look["configuration"]) for look in same}
    return Looks(len(configurations), len(same))


def _digest(items: pd.DataFrame) -> str:
    """Identify the test images by their ids."""
    return _hash("\0".join(sorted(items.loc[items["split"] == "test", "id"].astype(str))))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]
