"""Class names that are paths, quotes, lines, templates, commands and scripts, from the table of images to the page."""

from __future__ import annotations

import csv
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

NAMES = [
    "../../up",
    "'\"\\",
    "two\nlines",
    "{}{wildcards.seed}{{ 7*7 }}",
    "<script>alert(1)</script>",
    "$(touch harmed)`touch harmed`;",
]


class Tags(HTMLParser):
    """What a browser makes of a page: its scripts, and handlers that would run."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.inside = False
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag == "script"
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.scripts.append(data)


def table(folder: Path) -> Path:
    """A manifest of twenty pictures of each class, in which its stripe stands in a place of its own."""
    folder.mkdir()
    draws = np.random.default_rng(0)
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "label"])
        for number, name in enumerate(NAMES):
            for row in range(20):
                values = draws.integers(0, 90, (8, 8), dtype=np.uint8)
                values[number + 1] = 255
                Image.fromarray(values).save(folder / f"{number}-{row}.png")
                writer.writerow([f"{number}-{row}.png", name])
    return folder / "table.csv"


@pytest.mark.long
def test_class_names_that_mean_harm_do_none(project, tmp_path: Path) -> None:
    short = {"epochs": 2, "batch_size": 32}
    content = {
        "name": "harm",
        "data": {
            "source": {"name": "manifest", "path": str(table(tmp_path / "{a} $b 'c"))},
            "split": {"val": 0.2, "test": 0.2, "keep": dict.fromkeys(NAMES, 11)},
        },
        "augment": {
            "standard": {"copies": 1, "offline": ["hflip"], "classes": {name: {"copies": 2} for name in NAMES}},
            "drawn": {"synthetic": {"model": "vae", "images": 14, "confidence": 0, "distance": 1000}},
        },
        "audit": {"folds": 2, "images": 10, "resamples": 10, "training": short, "policies": ["standard"]},
        "classify": {"models": {"mlp": {"network": {"hidden": [16]}}}, "training": short, "resamples": 10},
        "generate": {
            "models": {"vae": {"training": short}}, "samples": 20, "snapshots": 1, "steps": [],
            "judge": {"network": "mlp", "training": short},
        },
        "detect": {"normal": [NAMES[4], NAMES], "detectors": {"pca": None}, "resamples": 10},
    }  # fmt: skip
    before = {path.name for path in tmp_path.rglob("*")}
    project.call("--configfile", str(project.config("harm", content)))
    results = project.root / "results" / "harm"
    assert (results / "report" / "manifest.json").exists()
    assert not list(project.root.rglob("harmed"))
    assert {path.name for path in tmp_path.rglob("*")} == before
    page = (results / "report" / "index.html").read_text(encoding="utf-8")
    for name in ("&lt;script&gt;alert(1)", "../../up", "{}{wildcards.seed}{{ 7*7 }}", "$(touch harmed)`touch harmed`;"):
        assert name in page
    for path in results.rglob("*.html"):
        tags = Tags()
        tags.feed(path.read_text(encoding="utf-8"))
        assert not tags.handlers
        assert not any("alert(1)" in script for script in tags.scripts)
    for log in (results / "logs").rglob("*.log"):
        assert "Traceback" not in log.read_text(encoding="utf-8"), log
    project.call("--configfile", "config/harm.yaml", "--report", "harm.html")
    whole = (project.root / "harm.html").read_text(encoding="utf-8")
    assert not re.search(r"<script>alert\(1\)</script>", whole)
    assert not list((project.root / "results/.tracking").glob("*.jsonl"))
