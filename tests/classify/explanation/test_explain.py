"""The whole stage: a small network on real digits, and a set doctored to be wrong in the dark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from darkroom import files, registry
from darkroom.classify import explain
from darkroom.classify.config import ExplainSpec
from darkroom.classify.explanation.embedding import GRID
from darkroom.data import attributes, fetch, prepare
from darkroom.data.config import AttributesSpec, FetchSpec, PrepareSpec
from darkroom.data.store import labeled, open_store
from darkroom.fit.model import save_model
from darkroom.log import silent

SPEC = ExplainSpec.model_validate(
    {
        "classifiers": [
            {
                "policy": "none",
                "model": name,
                "folder": name,
                "network": {"name": name, **({"width": 8} if name == "resnet" else {})},
            }
            for name in ("mlp", "resnet")
        ]
    }
)


@pytest.fixture(scope="module")
def digits_attributes(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("attributes") / "out"
    source = registry.options("source", "sklearn")()
    attributes.run(AttributesSpec(source=source), data=digits, raw=digits.parent / "raw", out=out, log=silent)
    return out


def evaluated(root: Path, data: Path, wrong: Callable[[np.ndarray], np.ndarray]) -> Path:
    """Write untrained networks, and predictions that are wrong where `wrong` of the test images says so."""
    store = open_store(data)
    rows, classes = labeled(store, "test"), len(store.classes)
    labels = store.labels[rows]
    predicted = np.where(wrong(np.asarray(store.samples[rows])), (labels + 1) % classes, labels)
    probabilities = np.full((len(rows), classes), 0.05)
    probabilities[np.arange(len(rows)), predicted] = np.linspace(0.4, 0.9, len(rows))
    table = {"id": store.items["id"].to_numpy()[rows], "label": labels, "prediction_plain": predicted}
    table |= {f"p_plain_{k}": probabilities[:, k] for k in range(classes)}
    for one in SPEC.classifiers:
        torch.manual_seed(0)
        with files.folder(root / one.folder / "model") as fresh:
            network = registry.build(one.network, store.shape, classes)
            save_model(fresh, network, plugin=one.network, shape=store.shape, classes=store.classes, fitted=None)
        with files.folder(root / one.folder / "evaluation") as fresh:
            pd.DataFrame(table).to_parquet(fresh / "predictions.parquet")
    return root


def explained(root: Path, data: Path, recorded: Path, out: Path) -> dict[str, Any]:
    explain.run(SPEC, data=data, attributes=recorded, classifiers=root, out=out, log=silent)
    found: dict[str, Any] = files.read_json(out / explain.ABOUT)
    return found


def test_digits_have_pictures_maps_and_no_alarm(digits: Path, digits_attributes: Path, tmp_path: Path) -> None:
    def wrong(images: np.ndarray) -> np.ndarray:
        return np.arange(len(images)) % 7 == 0

    root = evaluated(tmp_path / "models", digits, wrong)
    found = explained(root, digits, digits_attributes, tmp_path / "first")
    mlp, resnet = found["classifiers"]
    assert mlp["saliency"] is None
    assert resnet["saliency"] == "grad_cam"
    assert mlp["strips"]["confident_mistakes"]["panels"] == ["image"]
    assert resnet["strips"]["confident_mistakes"]["panels"] == ["image", "prediction", "rival"]
    for one in found["classifiers"]:
        assert one["mistakes"] == -(-found["images"] // 7)
        assert not one["conditions"]
        assert len(one["map"]["pca"]) == len(one["map"]["tsne"]) == len(found["points"]["ids"])
        assert np.ptp(one["map"]["tsne"]) <= GRID
        for strip in (*one["strips"].values(), *one["pairs"]):
            assert all((tmp_path / "first" / one["folder"] / name).is_file() for name in strip["sheets"])
    assert not any(one["found"] for one in found["shortcuts"])
    explained(root, digits, digits_attributes, tmp_path / "second")
    assert files.read_manifest(tmp_path / "first") == files.read_manifest(tmp_path / "second")


@pytest.fixture
def doctored(tmp_path: Path) -> tuple[Path, Path]:
    """Squares and stripes; the squares are saved as PNG, the stripes as JPEG; a third of the images is dark."""
    generator = np.random.default_rng(0)
    for number in range(400):
        kind = ("square", "stripe")[number % 2]
        image = np.zeros((16, 16), np.float64)
        image[(slice(4, 12), slice(4, 12)) if number % 2 == 0 else (slice(None), slice(6, 10))] = 1
        image = image * (40 if number % 3 == 0 else 190) + 30 * generator.random((16, 16))
        (folder := tmp_path / "set" / kind).mkdir(parents=True, exist_ok=True)
        suffix = "png" if number % 2 == 0 else "jpg"
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(folder / f"{number}.{suffix}")
    source: dict[str, Any] = {"source": {"name": "folder", "path": str(tmp_path / "set")}}
    raw, prepared, recorded = (tmp_path / name for name in ("raw", "prepared", "attributes"))
    fetch.run(FetchSpec.model_validate(source), out=raw, log=silent)
    split = {"test": 0.5, "near_duplicates": False}
    spec = PrepareSpec.model_validate({**source, "name": "doctored", "split": split})
    prepare.run(spec, raw=raw, out=prepared, log=silent)
    attributes.run(AttributesSpec.model_validate(source), data=prepared, raw=raw, out=recorded, log=silent)
    return prepared, recorded


def test_a_file_type_and_the_dark_are_found(doctored: tuple[Path, Path], tmp_path: Path) -> None:
    prepared, recorded = doctored

    def in_the_dark(images: np.ndarray) -> np.ndarray:
        return (images.mean((1, 2, 3)) < 50) & (np.arange(len(images)) % 5 > 0)

    root = evaluated(tmp_path / "models", prepared, in_the_dark)
    found = explained(root, prepared, recorded, tmp_path / "out")
    leaks = {one["kind"]: one for one in found["shortcuts"]}
    assert [kind for kind, one in leaks.items() if one["found"]] == ["file type"]
    assert leaks["file type"]["accuracy"] == 1
    first = found["classifiers"][0]["conditions"][0]
    assert (first["attribute"], first["kind"]) in {("brightness", "low"), ("contrast", "low")}
    assert first["low"] > 2
