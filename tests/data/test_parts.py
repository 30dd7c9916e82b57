"""Test splits by folds or groups, near-duplicates in a whole run, and training images left out on purpose."""

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from darkroom.data import cut
from darkroom.data.config import Split


@pytest.fixture
def surfaces(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Write a table with images of 40 surfaces, each photographed twice, and return its source."""

    def write(split: Callable[[int, int], str] = lambda number, shot: "", cameras: bool = True) -> dict[str, Any]:
        rows = ["path,label,group,split,mask"]
        for number in range(40):
            noise = np.random.default_rng(number).normal(size=(24, 24)).astype(np.float32)
            soft = cv2.GaussianBlur(noise, (0, 0), 1.5)
            for shot in range(2):
                light = (0.6, 1)[shot] * np.linspace(1 - 0.4 * shot, 1, 24)[:, None]
                path = tmp_path / f"{number:02}-{shot}.png"
                Image.fromarray(np.clip((128 + 40 * soft / soft.std()) * light, 0, 255).astype(np.uint8)).save(path)
                camera = "" if number < 30 or not cameras else f"cam-{number % 3}"
                rows.append(f"{path.name},{'rare' if number % 4 == 0 else 'common'},{camera},{split(number, shot)},")
        (tmp_path / "table.csv").write_text("\n".join(rows))
        return {"name": "manifest", "path": str(tmp_path / "table.csv")}

    return write


def surface(id_: str) -> str:
    return Path(id_).name[:2]


def test_near_duplicates_stand_in_one_split(run: Callable[..., Any], surfaces: Callable[..., dict[str, Any]]) -> None:
    got = run(surfaces())
    parts: dict[str, set[str]] = {}
    for id_, item in got.by_id.items():
        parts.setdefault(surface(id_), set()).add(item["split"])
    assert all(len(found) == 1 for found in parts.values())
    told = got.card["near_duplicates"]
    assert (told["pairs"], told["groups"], told["images"], told["torn"]) == (40, 40, 80, 0)
    assert [group["size"] for group in told["largest"]] == [2] * 8
    sizes = np.array(list(Counter(got.store.items["split"]).values()))
    assert told["torn_by_random_split"] == round(40 * (1 - (sizes * (sizes - 1)).sum() / (80 * 79)), 1)
    with (got.root / "near_duplicates.csv").open(newline="") as stream:
        listed = list(csv.DictReader(stream))
    assert len(listed) == 40
    assert all(surface(row["id"]) == surface(row["twin"]) and float(row["similarity"]) > 0.5 for row in listed)
    off = run(surfaces(), to="off", split={"near_duplicates": False})
    assert off.card["near_duplicates"]["pairs"] == 0
    assert off.store.items["group"].nunique() > got.store.items["group"].nunique()


def test_splits_of_the_source_are_kept_and_the_leak_told(
    run: Callable[..., Any], surfaces: Callable[..., dict[str, Any]]
) -> None:
    got = run(surfaces(lambda number, shot: "test" if shot and number < 30 else "train", cameras=False))
    assert got.warned("source's own splits were kept: 30 of 40 (75%): 30 between train and test")
    assert got.card["near_duplicates"]["torn"] == 30
    assert (
        Counter(got.store.items["split"])["val"] == 6
    )  # its share of all training images, though the separated ones cannot go there
    parts = {id_: item["split"] for id_, item in got.by_id.items()}
    assert all(part == "train" for id_, part in parts.items() if "-0" in id_ and int(surface(id_)) < 30)


def test_a_leaking_split_is_regrouped_on_request(
    run: Callable[..., Any], surfaces: Callable[..., dict[str, Any]]
) -> None:
    source = surfaces(lambda number, shot: "test" if shot and number < 30 else "train", cameras=False)
    leaking = run(source)
    assert leaking.warned("data.split.regroup: true")
    twin = {id_: bool(item["twin_in_train"]) for id_, item in leaking.by_id.items()}
    assert {id_ for id_, found in twin.items() if found} == {f"{number:02}-1.png" for number in range(30)}
    got = run(source, to="regrouped", split={"regroup": True})
    assert got.card["near_duplicates"]["torn"] == 0
    assert not got.warned("regroup")
    assert not got.store.items["twin_in_train"].any()
    assert abs((got.store.items["split"] == "test").sum() - 30) <= 2


def test_the_one_part_held_out_can_serve_as_the_other(
    run: Callable[..., Any], surfaces: Callable[..., dict[str, Any]]
) -> None:
    source = surfaces(lambda number, shot: "val" if number >= 30 else "train", cameras=False)
    as_named, changed = run(source), run(source, to="changed", split={"held_out": "test"})
    held_out = {id_ for id_, item in as_named.by_id.items() if item["split"] == "val"}
    assert {id_ for id_, item in changed.by_id.items() if item["split"] == "test"} == held_out
    assert {item["split"] for id_, item in changed.by_id.items() if id_ not in held_out} == {"train", "val"}


@pytest.mark.parametrize(
    ("parts", "there"), [(("val", "test"), "holds out both val and test"), (("train",) * 2, "holds out no images")]
)
def test_a_part_to_rename_must_be_the_only_one(
    run: Callable[..., Any], surfaces: Callable[..., dict[str, Any]], parts: tuple[str, str], there: str
) -> None:
    source = surfaces(lambda number, shot: parts[number % 2] if number >= 30 else "train", cameras=False)
    with pytest.raises(ValueError, match=f"data.split.held_out: test: the source's own split {there}"):
        run(source, split={"held_out": "test"})


def test_the_folds_test_every_image_once(run: Callable[..., Any], surfaces: Callable[..., dict[str, Any]]) -> None:
    source, tested = surfaces(), Counter[str]()
    for fold in range(4):
        got = run(source, to=f"fold-{fold}", split={"method": "kfold", "folds": 4, "fold": fold, "val": 0.2})
        items = got.store.items
        tested.update(items.loc[items["split"] == "test", "id"])
        assert items.groupby("group")["split"].nunique().max() == 1
        assert 16 <= (items["split"] == "test").sum() <= 24
        rest = items[items["split"] != "test"]
        assert 0.1 <= (rest["split"] == "val").mean() <= 0.3
        assert not got.warned("no image is in")
    assert set(tested.values()) == {1}
    assert len(tested) == 80


def test_one_group_is_left_out(run: Callable[..., Any], surfaces: Callable[..., dict[str, Any]]) -> None:
    got = run(surfaces(), split={"method": "leave_one_group_out", "group": "cam-1", "val": 0.2})
    tested = {surface(id_) for id_, item in got.by_id.items() if item["split"] == "test"}
    assert tested == {f"{number:02}" for number in range(30, 40) if number % 3 == 1}
    assert got.store.items.groupby("group")["split"].nunique().max() == 1
    assert {"train", "val", "test"} == set(got.store.items["split"])


def test_what_shows_the_left_out_group_goes_with_it(run: Callable[..., Any], tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    rows = ["path,label,group"]
    for number in range(30):
        Image.fromarray(draws.integers(0, 256, (8, 8), dtype=np.uint8)).save(tmp_path / f"{number}.png")
        rows.append(f"{number}.png,{number % 2},place-{number % 3}")
    Image.open(tmp_path / "0.png").save(tmp_path / "copy.bmp")
    (tmp_path / "table.csv").write_text("\n".join([*rows, "copy.bmp,0,place-1"]))
    source = {"name": "manifest", "path": str(tmp_path / "table.csv")}
    got = run(source, split={"method": "leave_one_group_out", "group": "place-0"})
    tested = {id_ for id_, item in got.by_id.items() if item["split"] == "test"}
    assert {Path(id_).name for id_ in tested} == {"copy.bmp", *(f"{number}.png" for number in range(0, 30, 3))}
    assert got.store.items.groupby("group")["split"].nunique().max() == 1


def test_a_wrong_group_or_a_given_test_part_is_an_error(
    run: Callable[..., Any], surfaces: Callable[..., dict[str, Any]], classes: Path
) -> None:
    leave = {"method": "leave_one_group_out"}
    with pytest.raises(ValueError, match=r'data\.split\.group: no group "cam-7".*There are: cam-0, cam-1, cam-2'):
        run(surfaces(), split={**leave, "group": "cam-7"})
    with pytest.raises(ValueError, match="The source has no groups"):
        run({"name": "folder", "path": str(classes)}, split={**leave, "group": "x"})
    with pytest.raises(
        ValueError, match=r"data\.split\.method: kfold chooses the test split, but the source has its own"
    ):
        run(surfaces(lambda number, shot: "test" if number == 3 else ""), split={"method": "kfold"})


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"method": "kfold", "fold": 5}, "fold is 5; with folds: 5 it must be between 0 and 4"),
        ({"folds": 3}, "folds and fold belong to method: kfold; the method is random"),
        ({"group": "a"}, "group belongs to method: leave_one_group_out; the method is random"),
        ({"method": "leave_one_group_out"}, "needs group"),
        ({"method": "kfold", "test": 0.3}, "test belongs to method: random"),
        ({"val": 0.5, "test": 0.5}, "must be below 1"),
        ({"long_tail": 0.5}, "greater than or equal to 1"),
        ({"keep": {"a": 0}}, "greater than or equal to 1"),
    ],
)
def test_keys_that_do_not_agree(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Split(**keys)


def test_a_checked_split_is_read_again_as_it_was() -> None:
    for keys in ({}, {"method": "kfold", "folds": 3, "fold": 2}, {"method": "leave_one_group_out", "group": "a"}):
        once = Split(**keys)
        assert Split.model_validate(once.model_dump(mode="json")) == once


def test_the_tail_falls_evenly_to_its_last_class() -> None:
    names = tuple("abcde")
    most = cut.limits(Split(long_tail=16), names, dict.fromkeys(names, 800))["long_tail"]
    assert most == {"a": 800, "b": 400, "c": 200, "d": 100, "e": 50}
    assert cut.limits(Split(long_tail=16), names, {"b": 40, "d": 9})["long_tail"] == {"b": 40, "d": 2}


def test_training_images_are_cut_and_leave_the_store(run: Callable[..., Any], classes: Path) -> None:
    for number in range(10):  # masks and copies must follow
        Image.new("L", (8, 8), 255 * (number % 2)).save(classes.parent / f"mask{number}.png")
    names = sorted(path.relative_to(classes).as_posix() for path in classes.rglob("*.png"))
    table = [f"{name},{name[:3]},{f'../mask{row % 10}.png' if row % 3 else ''}" for row, name in enumerate(names)]
    (classes / "table.csv").write_text("\n".join(["path,label,mask", *table]))
    source = {"name": "manifest", "path": str(classes / "table.csv")}
    whole, few = run(source), run(source, to="few", split={"keep": {"dog": 3}, "long_tail": 2})
    trained = Counter(few.store.items.loc[few.store.items["split"] == "train", "label"])
    assert whole.card["counts"]["cat"]["train"] == trained[0] == 8
    assert trained[1] == 3
    assert few.card["left_out"] == {"long_tail": 4, "keep": 1}
    assert whole.card["left_out"] == {}
    assert len(few.store.samples) == len(few.store.items) == 15
    for part in ("val", "test"):
        assert few.card["counts"]["dog"][part] == whole.card["counts"]["dog"][part]
    for id_, item in few.by_id.items():
        np.testing.assert_array_equal(few.image(id_), whole.image(id_))
        assert item["split"] == whole.by_id[id_]["split"]
        assert (item["mask"] >= 0) == (whole.by_id[id_]["mask"] >= 0)
        if item["mask"] >= 0:
            np.testing.assert_array_equal(few.store.masks[item["mask"]], whole.store.masks[whole.by_id[id_]["mask"]])
    assert len(few.store.masks) == (few.store.items["mask"] >= 0).sum() == few.card["masks"]
    fewer = run(source, to="fewer", split={"keep": {"dog": 2}})
    assert {id_ for id_ in fewer.by_id if id_.startswith("dog")} < {id_ for id_ in few.by_id if id_.startswith("dog")}


def test_a_class_that_is_not_there_is_an_error(run: Callable[..., Any], classes: Path) -> None:
    with pytest.raises(
        ValueError, match=r'data\.split\.keep: no class "dgo"\. Did you mean "dog"\? There are: cat, dog'
    ):
        run({"name": "folder", "path": str(classes)}, split={"keep": {"dgo": 3}})
    assert not (classes.parent / "out" / "prepared").exists()
