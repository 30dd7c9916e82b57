"""The whole stage on digits with tiny networks: what it chooses, that it repeats, and what the page says of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.report.conftest import write_tree
from tests.report.page import findings, table_of

from darkroom import files
from darkroom.classify.config import Classify
from darkroom.ladder import climb
from darkroom.ladder.config import ClimbSpec
from darkroom.library import load
from darkroom.log import silent
from darkroom.report.config import ResultEntry
from darkroom.report.sections.ladder import TITLES

SMALL = {"name": "resnet", "width": 4, "stages": 1}


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A tiny architecture of timm's with random weights in a file."""
    timm = pytest.importorskip("timm")
    import torch
    from safetensors.torch import save_file

    path = tmp_path_factory.mktemp("backbone") / "weights.safetensors"
    torch.manual_seed(0)
    save_file(timm.create_model("test_efficientnet", num_classes=0).state_dict(), path)
    return {"name": "pretrained", "backbone": "test_efficientnet", "weights": str(path), "size": 32}


@pytest.fixture(scope="module")
def climbed(backbone: dict[str, Any], digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Runs the stage with class means, a logistic head and a network from scratch; the same call runs once."""
    made: dict[str, Path] = {}

    def run(name: str, *, minutes: float = 0.5, workers: int = 1) -> Path:
        if name not in made:
            made[name] = tmp_path_factory.mktemp("ladder") / name
            heads = {head: {"name": "probe", "head": head, "views": 0} for head in ("class_means", "logistic")}
            models = {head: {"network": backbone, "transfer": way} for head, way in heads.items()}
            models["scratch"] = {"network": SMALL, "training": {"epochs": 4}}
            found = Classify.model_validate({"models": models, "training": {"threads": 1}}).models
            spec = ClimbSpec(minutes=minutes, seeds=(0,), rungs=found, threads=1, backbone="random")
            climb.run(spec, data=digits, out=made[name], log=silent, workers=workers)
        return made[name]

    return run


def test_the_chosen_rung_follows_from_validation_and_its_model_predicts_what_was_tested(
    climbed: Callable[..., Path], digits: Path
) -> None:
    folder = climbed("once")
    found = files.read_json(folder / "ladder.json")
    expected = "class_means"
    for step in found["steps"]:
        expected = step["to"] if step["gain"] > step["error"] else expected
    assert found["chosen"] == expected
    predicted = pd.read_parquet(folder / "predictions.parquet")
    right = (predicted[f"prediction_{found['chosen']}_0"] == predicted["label"]).mean()
    assert found["rungs"][found["chosen"]]["test"][0]["value"] == pytest.approx(right)
    items = pd.read_parquet(digits / "items.parquet")
    rows = items.index[items["split"] == "test"].to_numpy()
    images = np.load(digits / "samples.npy", mmap_mode="r")[rows]
    answers = load(folder / "model")(images)
    assert (answers.argmax(1) == predicted[f"prediction_{found['chosen']}_0"]).all()


@pytest.mark.thorough
def test_the_same_spec_gives_the_same_bytes_whatever_the_number_of_cores(climbed: Callable[..., Path]) -> None:
    first, second = climbed("short", minutes=0.02), climbed("again", minutes=0.02, workers=2)
    for path in sorted(first.rglob("*")):
        if path.is_file() and path.name not in {files.TIMING, files.MANIFEST}:
            assert path.read_bytes() == (second / path.relative_to(first)).read_bytes(), path.name


@pytest.mark.thorough
def test_a_rung_beyond_the_budget_is_left_out_with_the_reason(climbed: Callable[..., Path]) -> None:
    found = files.read_json(climbed("short", minutes=0.02) / "ladder.json")
    assert found["rungs"]["scratch"]["status"] == "no budget"
    assert "min are left" in found["rungs"]["scratch"]["reason"]
    assert not found["rungs"]["scratch"]["test"]


def test_the_page_leads_with_the_chosen_rung_where_no_classifier_was_trained(
    climbed: Callable[..., Path], tmp_path: Path
) -> None:
    tree = write_tree(tmp_path, classifiers=(), generators=(), detectors=())
    found = files.read_json(climbed("once") / "ladder.json")
    (tree.results / "ladder").symlink_to(climbed("once"))
    page = type(tree)(tree.spec.model_copy(update={"ladder": ResultEntry(folder="ladder")}), tree.data, tree.results)
    html = page.build(tmp_path / "page")
    title = TITLES[found["chosen"]]
    value = found["rungs"][found["chosen"]]["test"][0]["value"]
    assert f"The ladder's rung <b>{title}</b> classifies <b>{100 * value:.1f}%</b>" in html.replace("&#39;", "'")
    assert findings(html)["Ladder"][0].startswith(f"rung to use: {title} reaches {100 * value:.1f}%")
    compared = {row[0]: row[3] for row in table_of(html, "Rungs of the ladder")}
    for step in found["steps"]:
        over = f"{100 * step['gain']:+.1f} over {TITLES[step['base']]}, {step['images']:,} images"
        assert compared[TITLES[step["to"]]].replace("\N{MINUS SIGN}", "-").startswith(over)
