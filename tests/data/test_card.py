"""The pictures of a data set, drawn from the store alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from darkroom import files, log
from darkroom.data import card, target_pictures
from darkroom.data.config import CardSpec


def drawn(prepared: Any, out: Path) -> Path:
    card.run(CardSpec(), data=prepared.root, out=out, log=log.silent)
    return out


@pytest.mark.parametrize("count", [1, 41, 200])
def test_pictures_for_any_number_of_classes(run: Callable[..., Any], tmp_path: Path, count: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (count * 3, 8, 12, 3), dtype=np.uint8)
    names = [f"class number {n} <i>with</i> a name\nthat is 長い {'x' * (n % 60)}" for n in range(count)]
    np.savez(tmp_path / "a.npz", x=images, y=np.arange(count * 3) % count)
    got = run({"name": "npz", "path": str(tmp_path / "a.npz"), "classes": names})
    assert len(got.store.classes) == count
    folder = drawn(got, tmp_path / "card")
    for name in ("class_counts", "mean_images", "contact_sheet"):
        with Image.open(folder / f"{name}.png") as image:
            assert 100 < image.width < 2000
            assert 60 < image.height < 3000


def test_no_classes_and_no_twins(run: Callable[..., Any], classes: Path, tmp_path: Path) -> None:
    names = sorted(path.relative_to(classes).as_posix() for path in classes.rglob("*.png"))
    (classes / "table.csv").write_text("path,label\n" + "".join(f"{name},\n" for name in names))
    folder = drawn(run({"name": "manifest", "path": str(classes / "table.csv")}), tmp_path / "card")
    assert set(files.read_manifest(folder)) == {"class_counts.png", "mean_images.png", "contact_sheet.png"}


def test_masks_are_outlined_and_twins_shown(run: Callable[..., Any], classes: Path, tmp_path: Path) -> None:
    for number in range(12):
        scene = np.random.default_rng(number).integers(0, 256, (24, 24), dtype=np.uint8)
        for shot in range(2):
            Image.fromarray((scene * (0.6 + 0.4 * shot)).astype(np.uint8)).save(classes / f"{number}-{shot}.png")
    mask = np.zeros((24, 24), np.uint8)
    mask[6:18, 6:18] = 255
    Image.fromarray(mask).save(classes / "mask.png")
    rows = "".join(f"{number}-{shot}.png,a,mask.png\n" for number in range(12) for shot in range(2))
    (classes / "table.csv").write_text(f"path,label,mask\n{rows}")
    got = run({"name": "manifest", "path": str(classes / "table.csv")})
    assert got.card["near_duplicates"]["groups"] == 12
    folder = drawn(got, tmp_path / "card")
    with Image.open(folder / "near_duplicates.png") as picture:
        assert picture.width > 100
    red = np.asarray(Image.open(folder / "contact_sheet.png").convert("RGB")).astype(int)
    assert ((red[:, :, 0] > 180) & (red[:, :, 1] < 90)).sum() > 100


def test_the_same_store_gives_the_same_bytes(run: Callable[..., Any], classes: Path, tmp_path: Path) -> None:
    got = run({"name": "folder", "path": str(classes)})
    first = files.read_manifest(drawn(got, tmp_path / "first"))
    shutil.copytree(got.root, tmp_path / "copied")
    card.run(CardSpec(), data=tmp_path / "copied", out=tmp_path / "again", log=log.silent)
    assert files.read_manifest(tmp_path / "again") == first


@pytest.mark.parametrize(
    ("asked", "pictures"),
    [
        ({"labels": ["even", "odd", "never"]}, {"label_counts.png", "label_pairs.png"}),
        ({"numbers": ["number", "half"]}, {"numbers.png"}),
    ],
)
def test_the_target_is_counted_and_drawn(
    run: Callable[..., Any], classes: Path, tmp_path: Path, asked: dict[str, list[str]], pictures: set[str]
) -> None:
    names = sorted(path.relative_to(classes).as_posix() for path in classes.rglob("*.png"))
    rows = [f"{name},{n % 2},{1 - n % 2},0,{n},{n / 2}\n" for n, name in enumerate(names[:-1])]
    rows.append(f"{names[-1]},,,,,\n")
    (classes / "t.csv").write_text("path,odd,even,never,number,half\n" + "".join(rows))
    got = run({"name": "manifest", "path": str(classes / "t.csv"), **asked})
    assert set(files.read_manifest(drawn(got, tmp_path / "card"))) == {
        "mean_images.png",
        "contact_sheet.png",
        *pictures,
    }
    assert got.card["unlabeled"] == 1
    assert sum(got.card["labeled"].values()) == 19
    if "labels" in asked:
        assert {name: sum(parts.values()) for name, parts in got.card["counts"].items()} == {
            "odd": 9,
            "even": 10,
            "never": 0,
        }
        assert got.warned('labels that no image has: "never"')
    else:
        train = got.store.targets[got.store.rows("train")]
        assert got.card["numbers"]["half"]["train"]["mean"] == pytest.approx(float(np.nanmean(train[:, 1])))


def test_images_that_share_a_number_stay_together(run: Callable[..., Any], classes: Path) -> None:
    names = sorted(path.relative_to(classes).as_posix() for path in classes.rglob("*.png"))
    counted = "".join(f"{name},{3 * (n > 4)}\n" for n, name in enumerate(names))
    (classes / "t.csv").write_text("path,count\n" + counted)
    store = run({"name": "manifest", "path": str(classes / "t.csv"), "numbers": ["count"]}).store
    groups = target_pictures.groups(store)
    assert set(groups) <= {"0", "0 to 3", "3"}
    assert sorted(np.concatenate(list(groups.values()))) == list(range(len(names)))
