"""From a table with labels or numbers to the report, stage by stage."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from darkroom import files
from darkroom.classify import evaluate, explain, train
from darkroom.classify.config import EvaluateSpec, ExplainSpec, TrainSpec
from darkroom.data import attributes, fetch, prepare
from darkroom.data.config import AttributesSpec, FetchSpec, PrepareSpec
from darkroom.data.target import Kind
from darkroom.log import silent
from darkroom.report import build
from darkroom.report.config import BuildSpec, ClassifierEntry, ResultEntry

ASKED: dict[str, dict[str, Any]] = {
    "labels": {"labels": ["top", "bottom"]},
    "one number": {"numbers": ["height"]},
    "numbers": {"numbers": ["height", "width"]},
}
LOSSES = {"labels": "binary_cross_entropy", "one number": "huber", "numbers": "mse"}
NETWORKS = ("mlp", "cnn")


def drawn(root: Path, images: int = 160) -> Path:
    """Draw bright rectangles, and tabulate their size and which halves of the image they touch."""
    random, rows = np.random.default_rng(0), []
    for number in range(images):
        height, width = random.integers(2, 9, 2)
        y, x = random.integers(0, 12 - np.array([height, width]) + 1)
        picture = random.integers(0, 60, (12, 12), np.uint8)
        picture[y : y + height, x : x + width] = random.integers(150, 255)
        Image.fromarray(picture).save(root / f"{number}.png")
        rows.append((f"{number}.png", int(y < 5), int(y + height > 7), 1.5 * height, width / 100))
    pd.DataFrame(rows, columns=["path", "top", "bottom", "height", "width"]).to_csv(root / "table.csv", index=False)
    return root / "table.csv"


def chain(asked: str, root: Path) -> str:
    """Run every stage from the table to the report; return the page without tags."""
    (root / "pictures").mkdir()
    source = {"name": "manifest", "path": str(drawn(root / "pictures")), **ASKED[asked]}
    raw, data, results = root / "raw", root / "prepared", root / "results"
    fetch.run(FetchSpec.model_validate({"source": source}), out=raw, log=silent)
    split = {"val": 0.25, "test": 0.25}
    spec = PrepareSpec.model_validate({"source": source, "name": "drawn", "split": split})
    prepare.run(spec, raw=raw, out=data, log=silent)
    entries = []
    for network in NETWORKS:
        seed = f"classify/none/{network}/seed-0"
        training = {"epochs": 2, "batch_size": 16}
        learned = {"network": network, "loss": LOSSES[asked], "training": training, "seed": 0}
        train.run(TrainSpec.model_validate(learned), data=data, out=results / seed / "model", log=silent)
        measured = {"network": network, "tta": ["hflip"], "tta_merge": "learned", "resamples": 50, "seed": 0}
        places = {"model": results / seed / "model", "out": results / seed / "evaluation"}
        evaluate.run(EvaluateSpec.model_validate(measured), data=data, **places, log=silent)
        folders = {"model_folder": f"{seed}/model", "evaluation_folder": f"{seed}/evaluation"}
        entries.append(ClassifierEntry(policy="none", model=network, seed=0, **folders))
    _explain(source, root)
    explained = ResultEntry(folder="explanation")
    page = BuildSpec(name="drawn", policies=[], classifiers=entries, generators=[], detectors=[], explanation=explained)
    build.run(page, data=data, results=results, out=root / "report", log=silent)
    text = (root / "report" / "index.html").read_text(encoding="utf-8")
    return re.sub(r"\s+", " ", re.sub(r"<(style|script).*?</\1>|<[^>]*>", " ", text, flags=re.DOTALL))


def _explain(source: dict[str, Any], root: Path) -> None:
    recorded, results = root / "attributes", root / "results"
    spec = AttributesSpec.model_validate({"source": source})
    attributes.run(spec, data=root / "prepared", raw=root / "raw", out=recorded, log=silent)
    asked = [{"policy": "none", "model": name, "folder": f"none/{name}/seed-0", "network": name} for name in NETWORKS]
    explain.run(
        ExplainSpec.model_validate({"classifiers": asked}),
        data=root / "prepared",
        attributes=recorded,
        classifiers=results / "classify",
        out=results / "explanation",
        log=silent,
    )


@pytest.mark.parametrize("asked", ASKED)
def test_the_report_follows_the_target(asked: str, tmp_path: Path) -> None:
    page = chain(asked, tmp_path)
    kind: Kind = "labels" if asked == "labels" else "numbers"
    expected = {
        "labels": [
            "with a micro F1 of",
            "Mean average precision",
            "label by label",
            "Platt scaling",
            "bottom",
            "with a wrong label",
        ],
        "one number": [
            "Largest overestimates of height",
            "colored by its error in height",
            "predicts height with a mean absolute error of",
            "RMSE",
            "90% interval",
        ],
        "numbers": [
            "of the variance of height and width",
            "standard deviations",
            "width",
            "Largest underestimates of width",
            "error in width",
        ],
    }
    several = "2 classifiers" if kind == "labels" else "2 models"
    for words in (*expected[asked], f"Chosen from {several} by validation", "Learned weights of the views", "TTA"):
        assert words in page, words
    assert "Per-class results" not in page
    for words in ("How the network sees the test images", "What predicts", "Grad-CAM"):
        assert words in page, words
    metrics = files.read_json(tmp_path / "results/classify/none/mlp/seed-0/evaluation/metrics.json")
    assert ("per_label" if kind == "labels" else "per_number") in metrics
