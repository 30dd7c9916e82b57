"""A folder is read as its names suggest, and nothing is mixed up silently."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.data.item import Contents
from darkroom.data.layout_contents import anomaly_set
from darkroom.data.layouts import class_folders, recognize, split_name
from darkroom.data.place import Listing


def listed(names: Sequence[str]) -> Listing:
    folders = {str(parent) for name in names for parent in PurePosixPath(name).parents if str(parent) != "."}
    return Listing(Path("/set"), tuple(sorted(names)), tuple(sorted(folders)))


def read(*names: str) -> Contents:
    return recognize(listed(names), "set")


def places(found: Contents) -> dict[str, tuple[str | None, str | None]]:
    """Map each image's name to its label and split."""
    return {item.id: (item.label, item.split) for item in found.items}


def tree(splits: Sequence[str], classes: Sequence[str] = ("a", "b"), count: int = 2) -> list[str]:
    return [f"{split}/{name}/{number}.png" for split in splits for name in classes for number in range(count)]


SPLIT_TREES = {
    "train/val/test": ("train", "val", "test"),
    "train/eval/test": ("train", "eval", "test"),
    "training/validation/testing": ("training", "validation", "testing"),
    "year": ("train2017", "val2017", "test2017"),
    "set": ("training_set", "dev_set", "test_set"),
    "prefix": ("seg_train", "seg_val", "seg_test"),
    "in images/": ("images/train", "images/val", "images/test"),
    "in itself": ("seg_train/seg_train", "seg_val/seg_val", "seg_test/seg_test"),
    "wrapped": ("top/train", "top/val", "top/test"),
}
BESIDE = {
    "nothing": (),
    "annotations": ("annotations/a.xml",),
    "docs": ("docs/README.txt", "labels.csv"),
    "more images": ("extra/1.png", "seg_pred/seg_pred/1.png"),
}


@pytest.mark.parametrize("beside", BESIDE)
@pytest.mark.parametrize("kind", SPLIT_TREES)
def test_given_splits_are_no_classes(kind: str, beside: str) -> None:
    found = read(*tree(SPLIT_TREES[kind]), *BESIDE[beside])
    assert found.classes == ("a", "b")
    assert {item.split for item in found.items} == {"train", "val", "test"}
    assert len(found.items) == 12
    assert len(found.unused) == len(BESIDE[beside])
    assert any("given splits" in note for note in found.notes)
    assert any("ignored: " in note for note in found.notes) == bool(BESIDE[beside])


@pytest.mark.parametrize("inner", ["NAME", "NAME/NAME"])
def test_the_whole_tree_inside_itself_is_left_aside(inner: str) -> None:
    once = tree(("train", "test"))
    found = read(*once, *(f"{inner}/{name}" for name in once))
    assert set(places(found)) == set(once)
    assert len(found.unused) == len(once)
    classes = ["a/1.png", "a/2.png", "b/1.png", "b/2.png"]
    again = read(*classes, *(f"NAME/{name}" for name in classes))
    assert set(places(again)) == set(classes)
    assert again.classes == ("a", "b")
    assert again.notes == ("ignored: NAME (4 files)",)


def test_labels_in_the_names_of_flat_splits() -> None:
    names = [f"train/{name}.{number}.jpg" for name in ("cat", "great_dane") for number in range(3)]
    found = read(*names, "test1/7.jpg", "test1/cat.9.jpg")
    assert found.classes == ("cat", "great_dane")
    assert places(found) == {
        **{name: (name.split("/")[1].split(".")[0], "train") for name in names},
        "test1/7.jpg": (None, "test"),
        "test1/cat.9.jpg": ("cat", "test"),
    }
    assert read(*(name.removeprefix("train/") for name in names)).classes == ("cat", "great_dane")


def test_flat_splits_without_labels_are_unlabeled_and_said() -> None:
    found = read("train/IMG_1.png", "train/IMG_2.png", "test/3.png")
    assert found.classes == ()
    assert set(places(found).values()) == {(None, "train"), (None, "test")}
    assert "layout: classes" in found.warnings[0]


@pytest.mark.parametrize("prefix", ["", "train/"])
def test_masks_beside_images_are_masks(prefix: str) -> None:
    found = read(
        *(f"{prefix}images/{name}/{number}.jpg" for name in "ab" for number in (1, 2)),
        *(f"{prefix}masks/{name}/1_mask.png" for name in "ab"),
        f"{prefix}masks/a/9.png",
    )
    assert found.classes == ("a", "b")
    masks = {item.id: item.mask_origin for item in found.items if item.mask is not None}
    assert masks == {f"{prefix}images/{name}/1.jpg": f"{prefix}masks/{name}/1_mask.png" for name in "ab"}
    assert [unused.reason for unused in found.unused] == ["a mask of no image"]


def test_splits_below_images_and_masks() -> None:
    names = [f"{kind}/{split}/{n}.png" for kind in ("images", "masks") for split in ("train", "val") for n in (1, 2)]
    found = read(*names)
    assert places(found) == {f"images/{s}/{n}.png": (None, s) for s in ("train", "val") for n in (1, 2)}
    assert all(item.mask_origin == item.id.replace("images", "masks") for item in found.items)


def test_splits_inside_class_folders() -> None:
    found = read(*(f"{name}/{split}/{n}.png" for name in "ab" for split in ("train", "test") for n in (1, 2)))
    assert found.classes == ("a", "b")
    assert places(found)["a/test/1.png"] == ("a", "test")


def test_an_anomaly_set_is_recognized() -> None:
    names = ["train/good/1.png", "test/good/2.png", "test/crack/3.png", "ground_truth/crack/3_mask.png"]
    found = read(*(f"tiles/{name}" for name in names), "tiles/readme.txt", "license.txt")
    assert found.notes == ("recognized: an anomaly set, as MVTec AD", "ignored: license.txt, readme.txt")
    assert found.classes == ("good", "crack")
    assert found.only_test == {"crack"}
    assert places(found)["test/crack/3.png"] == ("crack", "test")
    assert next(item for item in found.items if item.label == "crack").mask_origin == "ground_truth/crack/3_mask.png"


def test_normal_images_are_no_defects_without_a_mask() -> None:
    names = ["train/normal/1.png", "test/normal/2.png", "test/crack/3.png", "test/crack/4.png"]
    found = read(*names, "ground_truth/crack/3_mask.png", "train/good/5.png")
    assert not any("without a mask" in warning for warning in found.warnings)
    found = anomaly_set(listed([*names, "ground_truth/crack/3_mask.png"]))
    assert found.warnings == ("defect images without a mask: 1, such as test/crack/4.png",)


NAMES = ("train", "test", "val", "images", "masks", "ground_truth", "good", "crack", "cat", "seg_train", "docs")
FILES = ("1.png", "2.png", "1_mask.png", "cat.0.jpg", "cat.1.jpg", "dog.0.jpg", "dog.1.jpg", "README.txt")
paths = st.tuples(st.lists(st.sampled_from(NAMES), max_size=3), st.sampled_from(FILES)).map(
    lambda p: "/".join([*p[0], p[1]])
)


@given(st.sets(paths, min_size=1, max_size=24))
@settings(max_examples=150)
def test_every_file_is_an_image_a_mask_or_listed(names: set[str]) -> None:
    try:
        found = read(*names)
    except ValueError:  # a folder that may be a class or a split
        return
    used = [str(place).removeprefix("/set/") for item in found.items for place in (item.image, item.mask) if place]
    listed_as = [unused.origin for unused in found.unused]
    left = {name for name in names if any(f"/{name}".endswith(f"/{origin}") for origin in listed_as)}
    assert sorted(set(used)) == sorted(used)
    assert len(used) + len(found.unused) == len(names)
    assert set(used) | left == names
    assert {item.label for item in found.items} - {None} <= set(found.classes)


@pytest.mark.parametrize("name", ["train", "Test", "validation"])
def test_a_class_named_like_a_split_needs_the_key(name: str) -> None:
    names = ["bus/1.png", "bus/2.png", f"{name}/1.png", f"{name}/2.png"]
    with pytest.raises(ValueError, match=rf"set: {name} is named like a split .* bus; set data.source.layout: classes"):
        read(*names)
    assert class_folders(listed(names)).classes == tuple(sorted(("bus", name)))


def test_names_that_only_begin_like_splits_are_classes() -> None:
    assert read("train_station/1.png", "test_tube/1.png", "bus/1.png").classes == ("bus", "test_tube", "train_station")
    assert {name: split_name(name) for name in ("seg_pred", "constraint", "latest", "train_test", "val")} == {
        "seg_pred": None, "constraint": None, "latest": None, "train_test": None, "val": "val",
    }  # fmt: skip


def test_the_card_says_what_was_recognized(
    run: Callable[..., Any], picture: Callable[..., Path], tmp_path: Path
) -> None:
    for number, name in enumerate(tree(("train", "test"), count=4)):
        picture(tmp_path / "set" / name, number)
    (tmp_path / "set" / "docs").mkdir()
    (tmp_path / "set" / "docs" / "README.txt").write_text("x")
    (tmp_path / "set" / "@eaDir").mkdir()
    picture(tmp_path / "set" / "train" / "a" / "@eaDir" / "thumbnail.png", 99)
    got = run({"name": "folder", "path": str(tmp_path / "set")})
    assert got.store.classes == ("a", "b")
    assert got.card["notes"] == [
        "recognized: given splits in test (test), train (train)",
        "ignored: docs",
        "skipped folders of systems and file managers: @eaDir (2)",
    ]


def test_a_class_called_train_is_a_class_by_its_key(
    run: Callable[..., Any], picture: Callable[..., Path], tmp_path: Path
) -> None:
    for number in range(6):
        picture(tmp_path / "set" / ("train", "bus")[number % 2] / f"{number}.png", number)
    source = {"name": "folder", "path": str(tmp_path / "set")}
    with pytest.raises(ValueError, match=r"data\.source\.layout: classes"):
        run(source)
    assert run({**source, "layout": "classes"}).store.classes == ("bus", "train")


@pytest.mark.parametrize("name", ["unlabeled", "Unlabelled"])
@pytest.mark.parametrize("splits", [(), ("train",), ("train", "test")])
def test_a_folder_of_unlabeled_images_is_no_class(name: str, splits: tuple[str, ...]) -> None:
    named = tree(splits) if splits else ["a/0.png", "b/0.png"]
    without = {
        f"{place}{name}/{image}" for place in ("", "train/")[: 1 + len(splits)] for image in ("1.png", "a/2.png")
    }
    found = read(*named, *without)
    assert found.classes == ("a", "b")
    assert {id_: place for id_, place in places(found).items() if id_ in without} == dict.fromkeys(
        without, (None, "train")
    )
    assert len(found.items) == len(named) + len(without)
    assert any(f"images without labels in {name}/" in note for note in found.notes)


def test_a_folder_of_unlabeled_images_alone_is_divided_like_loose_images() -> None:
    assert set(places(read("unlabeled/1.png", "unlabeled/x/2.png")).values()) == {(None, None)}


def test_labels_in_file_names_stand_beside_a_folder_of_unlabeled_images() -> None:
    found = read("cat.0.jpg", "cat.1.jpg", "dog.0.jpg", "dog.1.jpg", "unlabeled/77.jpg")
    assert found.classes == ("cat", "dog")
    assert places(found)["unlabeled/77.jpg"] == (None, "train")


def test_unlabeled_images_stay_in_train_when_splits_are_drawn(
    run: Callable[..., Any], picture: Callable[..., Path], tmp_path: Path
) -> None:
    for number, name in enumerate(
        [*tree(("train", "test"), count=6), *(f"train/unlabeled/{n}.png" for n in range(20))]
    ):
        picture(tmp_path / "set" / name, number)
    got = run({"name": "folder", "path": str(tmp_path / "set")}, split={"val": 0.5}).store
    assert set(got.items["split"][got.labels < 0]) == {"train"}
    assert (got.items["split"] == "val").sum() == 6
