"""The whole section on real images: what is clustered, that it repeats, and what the page and the manifest source read."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from tests.report.conftest import Tree
from tests.report.page import Page, findings

from darkroom import files, registry
from darkroom.audit import train
from darkroom.audit.config import TrainSpec
from darkroom.config.load import ConfigError, load
from darkroom.data import fetch, prepare
from darkroom.data.config import FetchSpec, PrepareSpec
from darkroom.data.store import open_store
from darkroom.explore import cluster, embed, order
from darkroom.explore.config import ClusterSpec, EmbedSpec
from darkroom.log import silent
from darkroom.report.config import BuildSpec, ResultEntry

IMAGES = 200


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images with no class anywhere."""
    folder = tmp_path_factory.mktemp("pictures") / "flat"
    folder.mkdir()
    for number, image in enumerate(load_digits().images[:IMAGES]):
        Image.fromarray((image * 15.9).astype(np.uint8)).save(folder / f"scan {number:03d}x.png")
    return folder


def prepared(source: dict[str, Any], folder: Path) -> Path:
    chosen = registry.options("source", source["name"]).model_validate(source)
    fetch.run(FetchSpec(source=chosen), out=folder / "raw", log=silent)
    prepare.run(PrepareSpec(name="flat", source=chosen), raw=folder / "raw", out=folder / "prepared", log=silent)
    return folder / "prepared"


def clustered(data: Path, folder: Path, **clustering: Any) -> Path:
    spec = EmbedSpec.model_validate({"embedding": "pca"})
    embed.run(spec, data=data, out=folder / "features", log=silent)
    found = ClusterSpec.model_validate({"clustering": clustering})
    cluster.run(found, data=data, embedding=folder / "features", out=folder / "clusters", log=silent)
    return folder / "clusters"


@pytest.fixture(scope="module")
def explored(flat: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("explored")
    clustered(prepared({"name": "folder", "path": str(flat)}, root), root, name="kmeans", clusters=10)
    return root


def test_images_without_any_class_folder_are_rows_without_a_label(explored: Path) -> None:
    store = open_store(explored / "prepared")
    card = files.read_json(explored / "prepared" / "card.json")
    assert len(store.items) == IMAGES
    assert store.classes == ()
    assert (store.labels == -1).all()
    assert card["splits"] == {"train": 160, "val": 20, "test": 20}
    assert "no class folders, and no labels in the file names" in card["warnings"][0]


def test_clusters_of_unlabeled_digits_are_mostly_of_one_digit(explored: Path) -> None:
    table = pd.read_csv(explored / "clusters" / "clusters.csv")
    digits = load_digits().target[table["path"].str.extract(r"(\d+)x")[0].astype(int)]
    most = sum(np.bincount(digits[(table["label"] == name).to_numpy()]).max() for name in table["label"].unique())
    assert most / len(table) > 0.7
    about = files.read_json(explored / "clusters" / "clusters.json")
    assert len(about["clusters"]) == 10
    assert about["agreement"]["nmi"]["value"] is None
    sizes = [one["images"] for one in about["clusters"]]
    assert sizes == sorted(sizes, reverse=True)


def test_the_table_with_renamed_clusters_is_a_manifest_of_the_same_images(
    explored: Path, flat: Path, tmp_path: Path
) -> None:
    with (explored / "clusters" / "clusters.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    names = {"cluster 01": "zeros", "cluster 02": ""}
    with (tmp_path / "labels.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows({**row, "label": names.get(row["label"], "rest")} for row in rows)
    store = open_store(
        prepared({"name": "manifest", "path": str(tmp_path / "labels.csv"), "root": str(flat)}, tmp_path)
    )
    wanted = {row["path"]: names.get(row["label"], "rest") for row in rows}
    assert store.classes == ("rest", "zeros")
    assert {
        id_: store.classes[n] if n >= 0 else "" for id_, n in zip(store.items["id"], store.labels, strict=True)
    } == wanted


def test_the_same_spec_gives_the_same_bytes(explored: Path, tmp_path: Path) -> None:
    again = clustered(explored / "prepared", tmp_path, name="kmeans", clusters=10)
    for path in sorted((explored / "clusters").iterdir()):
        if path.name not in {files.TIMING, files.MANIFEST}:
            assert path.read_bytes() == (again / path.name).read_bytes(), path.name


def test_the_image_nearest_to_the_mean_of_its_cluster_is_the_most_typical() -> None:
    points = np.array([[0], [2], [7], [50], [100]], np.float32)
    assert order.typicality(points, np.array([0, 0, 0, -1, 1])).tolist() == [2, 1, 3, 0, 1]


def test_every_image_has_its_ranks(explored: Path) -> None:
    table = pd.read_csv(explored / "clusters" / "clusters.csv")
    for _, members in table.groupby("label"):
        assert sorted(members["typicality_rank"]) == list(range(1, len(members) + 1))
    assert sorted(table["outlier_rank"]) == list(range(1, IMAGES + 1))


def test_an_image_unlike_all_others_is_the_first_outlier(flat: Path, tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8), 255, np.uint8)).save(tmp_path / "white.png")
    rows = [*(str(path) for path in sorted(flat.iterdir())[:60]), str(tmp_path / "white.png")]
    (tmp_path / "all.csv").write_text("path,label\n" + "".join(f"{row},\n" for row in rows))
    found = clustered(
        prepared({"name": "manifest", "path": str(tmp_path / "all.csv")}, tmp_path), tmp_path, name="hdbscan"
    )
    outliers = files.read_json(found / "clusters.json")["outliers"]["ids"]
    assert outliers[0].endswith("white.png")


def test_the_page_shows_clusters_map_and_outliers_of_images_without_labels(
    explored: Path,
) -> None:
    clusters = [ResultEntry(name="pca", folder="clusters")]
    spec = BuildSpec(name="flat", policies=[], classifiers=[], generators=[], detectors=[], clusterings=clusters)
    page = Tree(spec, explored / "prepared", explored).build(explored / "page")
    read = Page(page)
    assert not read.open
    assert "200 images form 10 clusters" in " ".join(read.text.split())
    assert "with no labels" in " ".join(read.text.split())
    assert findings(page)
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    used = {str(attributes["href"])[1:] for tag, attributes in read.elements if tag == "use" and attributes.get("href")}
    assert used <= set(ids)


@pytest.mark.thorough
def test_a_classifier_of_the_config_embeds_and_is_measured_on_test_images_only(digits: Path, tmp_path: Path) -> None:
    judge = {"network": {"name": "mlp", "hidden": [16]}, "training": {"epochs": 2, "threads": 1}, "fold": 0}
    train.run(TrainSpec.model_validate(judge), data=digits, out=tmp_path / "model", log=silent)
    spec = EmbedSpec.model_validate({"embedding": {"name": "classifier", "model": "mlp"}})
    embed.run(spec, data=digits, classifier=tmp_path / "model", out=tmp_path / "features", log=silent)
    found = ClusterSpec.model_validate({"clustering": {"name": "kmeans", "clusters": 10}, "supervised": True})
    cluster.run(found, data=digits, embedding=tmp_path / "features", out=tmp_path / "clusters", log=silent)
    agreed = files.read_json(tmp_path / "clusters" / "clusters.json")["agreement"]
    assert np.load(tmp_path / "features" / "features.npy").shape[1] == 16
    assert (agreed["on"], agreed["images"]) == ("test", len(open_store(digits).rows("test")))


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        (
            {
                "explore": {"embeddings": {"own": {"embedding": {"name": "classifier", "model": "resnt"}}}},
                "classify": {},
            },
            'explore.embeddings.own.embedding.model: no model "resnt" in classify.models. Did you mean "resnet"?',
        ),
        (
            {"explore": {"embeddings": {"own": {"embedding": {"name": "classifier", "model": "resnet"}}}}},
            "There is no section classify",
        ),
        ({"explore": {"clustering": {"name": "hdbscan", "clusters": 3}}}, "explore.clustering.clusters: no such key"),
        ({"explore": {"embeddings": {"pcaa": {}}}}, 'no embedding "pcaa". Did you mean "pca"?'),
        (
            {"labels": {"folds": 4}, "audit": {}, "augment": {"flips": {"online": ["hflip"]}}},
            "labels.folds: the judges are those of the audit; set audit.folds instead",
        ),
    ],
)
def test_conflicts_between_sections_are_reported_in_one_line(sections: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        load({"name": "x", "data": {"source": "sklearn"}, **sections}, path="x.yaml")
    assert said in str(error.value)
