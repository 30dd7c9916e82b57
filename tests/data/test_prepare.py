import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from darkroom import files
from darkroom.data import decode
from darkroom.data.store import COLUMNS

ODD_NAMES = [
    '<b>bold & "quoted"',
    "Größe ✓ 漢字",
    "two\nlines",
    "$x_1$ %s {0}",
    "-leading",
    "comma, semicolon; tab\t",
    "e\u0301",
]


def folder(path: Path) -> dict[str, Any]:
    return {"name": "folder", "path": str(path)}


def test_the_contract_of_the_outputs(run: Callable[..., Any], classes: Path) -> None:
    got = run(folder(classes))
    names = {path.name for path in got.root.iterdir()}
    assert names == {
        "samples.npy", "items.parquet", "store.json", "excluded.csv", "duplicates.csv", "near_duplicates.csv", "card.json",
        "preparation.json", "manifest.json",
    }  # fmt: skip
    assert set(COLUMNS) | {"origin", "sha256", "twin_in_train"} == set(got.store.items.columns)
    assert (got.root / "excluded.csv").read_text() == "origin,reason\n"
    assert (got.root / "duplicates.csv").read_text() == "id,duplicate_of\n"
    assert set(got.card) >= {
        "name", "source", "images", "shape", "classes", "counts", "excluded", "duplicate_groups", "duplicates", "masks",
        "warnings",
    }  # fmt: skip
    assert got.card["shape"] == [8, 8, 1]


def test_the_same_input_gives_the_same_bytes(run: Callable[..., Any], classes: Path, tmp_path: Path) -> None:
    first = run(folder(classes), to="first")
    shutil.copytree(classes, tmp_path / "copied" / "set")
    again = run(folder(classes), to="again")
    assert files.read_manifest(first.root) == files.read_manifest(again.root)
    other = run(folder(tmp_path / "copied" / "set"), to="other")
    differing = {
        name for name, sha in files.read_manifest(first.root).items() if files.read_manifest(other.root)[name] != sha
    }
    assert differing <= {"card.json"}  # which says where the source is


def test_no_output_holds_a_path_of_this_machine(
    run: Callable[..., Any], classes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(classes.parent)
    (classes / "cat" / "bad.png").write_text("x")
    got = run(folder(Path("set")))
    for path in [*got.root.iterdir(), *(got.root.parent / "raw").iterdir()]:
        assert str(classes.parent).encode() not in path.read_bytes()


def test_what_is_no_image_is_listed_and_nothing_lost(run: Callable[..., Any], classes: Path) -> None:
    (classes / "cat" / "notes.txt").write_text("hello")
    (classes / "cat" / "empty.png").write_bytes(b"")
    whole = (classes / "cat" / "01.png").read_bytes()
    (classes / "dog" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (classes / "cat" / ".hidden").write_text("x")
    got = run(folder(classes))
    assert set(got.excluded) == {"cat/notes.txt", "cat/empty.png", "dog/cut.png"}
    assert got.excluded["cat/notes.txt"] == "not an image in a supported format"
    assert got.excluded["cat/empty.png"] == "an empty file"
    assert got.card["excluded"] == 3
    assert got.card["images"] == 20


def test_a_decompression_bomb_is_listed(
    run: Callable[..., Any], classes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("L", (100, 100)).save(classes / "cat" / "huge.png")
    monkeypatch.setattr(decode, "MAX_PIXELS", 5000)
    assert "decompression bomb" in run(folder(classes)).excluded["cat/huge.png"]


def test_an_empty_class_is_left_out_with_a_warning(run: Callable[..., Any], classes: Path) -> None:
    (classes / "emu").mkdir()
    (classes / "bird").mkdir()
    (classes / "bird" / "a.png").write_text("no picture")
    got = run(folder(classes))
    assert got.store.classes == ("cat", "dog")
    assert got.warned('classes without a readable image, left out: "bird", "emu"')


def test_one_image_in_a_class_is_trained_on(
    run: Callable[..., Any], classes: Path, picture: Callable[..., Path]
) -> None:
    picture(classes / "emu" / "only.png", 50)
    got = run(folder(classes))
    assert got.by_id["emu/only.png"]["split"] == "train"
    assert got.warned('classes with one image: "emu"')
    assert got.warned('classes without any image in test: "emu"')


def test_copies_stand_in_one_split(run: Callable[..., Any], classes: Path) -> None:
    for number in range(5):
        Image.open(classes / "cat/01.png").save(classes / f"cat/copy{number}.bmp")  # another file with the same pixels
    got = run(folder(classes))
    copies = [f"cat/copy{number}.bmp" for number in range(5)]
    assert {got.by_id[id_]["group"] for id_ in copies} == {got.by_id["cat/01.png"]["group"]}
    assert {got.by_id[id_]["split"] for id_ in copies} == {got.by_id["cat/01.png"]["split"]}
    assert (got.card["duplicate_groups"], got.card["duplicates"]) == (1, 5)
    listed = (got.root / "duplicates.csv").read_text().splitlines()
    assert listed == ["id,duplicate_of", *(f"{id_},cat/01.png" for id_ in copies)]


def test_copies_with_other_labels_are_reported(run: Callable[..., Any], classes: Path) -> None:
    shutil.copy(classes / "cat/01.png", classes / "dog/same.png")
    got = run(folder(classes))
    assert got.warned('images whose copies carry different labels: 1: "cat/01.png"')
    assert got.by_id["dog/same.png"]["split"] == got.by_id["cat/01.png"]["split"]


def test_a_copy_without_a_label_contradicts_no_label(run: Callable[..., Any], classes: Path) -> None:
    (classes / "unlabeled").mkdir()
    shutil.copy(classes / "cat/01.png", classes / "unlabeled/same.png")
    got = run(folder(classes))
    assert got.card["duplicates"] == 1
    assert not got.warned("copies carry different labels")


def test_given_splits_that_tear_copies_are_kept_and_told(
    run: Callable[..., Any], classes: Path, tmp_path: Path
) -> None:
    shutil.copytree(classes, tmp_path / "both" / "train")
    (tmp_path / "both/test/cat").mkdir(parents=True)
    shutil.copy(classes / "cat/01.png", tmp_path / "both/test/cat/x.png")
    got = run(folder(tmp_path / "both"))
    assert got.by_id["test/cat/x.png"]["split"] == "test"
    assert got.by_id["train/cat/01.png"]["split"] == "train"
    assert got.warned("source's own splits were kept: 1;")


def test_all_images_identical(run: Callable[..., Any], classes: Path) -> None:
    for path in classes.rglob("*.png"):
        if path.name != "01.png":
            shutil.copy(classes / "cat/01.png", path)
    got = run(folder(classes))
    assert got.warned("all 20 images are the same")
    assert set(got.store.items["split"]) == {"train"}
    assert got.warned("no image is in test")


@pytest.mark.parametrize("content", [{}, {"cat/a.png": b"x"}, {"readme.txt": b"x"}])
def test_a_set_without_a_readable_image_says_so(
    run: Callable[..., Any], tmp_path: Path, content: dict[str, bytes]
) -> None:
    (tmp_path / "set").mkdir()
    for name, text in content.items():
        (tmp_path / "set" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "set" / name).write_bytes(text)
    with pytest.raises(ValueError, match=r"data\.source: (holds no images|none of its 1 files is a readable image)"):
        run(folder(tmp_path / "set"))
    assert not (tmp_path / "out" / "prepared").exists()


def test_odd_names_pass_through(run: Callable[..., Any], tmp_path: Path, picture: Callable[..., Path]) -> None:
    for row, name in enumerate(ODD_NAMES):
        for number in range(3):
            picture(tmp_path / "set" / name / f"{ODD_NAMES[number]}.png", row * 10 + number)
    (tmp_path / "set" / "two\nlines" / 'no\nimage, "at" all').write_text("x")
    got = run(folder(tmp_path / "set"))
    assert set(got.store.classes) == {*ODD_NAMES[:-1], "é"}
    assert got.card["images"] == 3 * len(ODD_NAMES)
    assert got.excluded == {'two\nlines/no\nimage, "at" all': "not an image in a supported format"}


def test_names_that_are_no_text_pass_through(run: Callable[..., Any], classes: Path, tmp_path: Path) -> None:
    try:
        shutil.copy(classes / "cat/01.png", bytes(classes / "cat") + b"/caf\xe9.png")
    except OSError:
        pytest.skip("this file system takes UTF-8 names alone")
    got = run(folder(classes))
    assert "cat/caf\\udce9.png" in got.by_id
    archive = shutil.make_archive(str(tmp_path / "archive"), "gztar", classes)
    assert run(folder(Path(archive)), to="packed").card["images"] == 21


def test_mixed_sizes_and_colors_meet(run: Callable[..., Any], classes: Path, picture: Callable[..., Path]) -> None:
    picture(classes / "cat" / "large.png", 90, (100, 50), 3)
    got = run(folder(classes))
    assert got.card["shape"] == [64, 64, 3]
    rgb = got.image("cat/01.png")
    assert (rgb[..., 0] == rgb[..., 1]).all()
    gray = run(folder(classes), to="gray", color="gray", size=(10, 12), resize="stretch")
    assert gray.card["shape"] == [10, 12, 1]


def test_large_images_of_one_size_are_remarked(
    run: Callable[..., Any], tmp_path: Path, picture: Callable[..., Path]
) -> None:
    for number in range(3):
        picture(tmp_path / "set" / "a" / f"{number}.png", number, (520, 10))
    assert run(folder(tmp_path / "set")).warned("the images keep their size of 520×10; data.size makes them smaller")


def test_deep_images_and_pages_are_remarked(run: Callable[..., Any], classes: Path) -> None:
    Image.fromarray(np.array([[0, 4095]] * 2, np.uint16)).save(classes / "cat" / "deep.png")
    frames = [Image.new("L", (8, 8), shade) for shade in (1, 2)]
    frames[0].save(classes / "cat" / "pages.tiff", save_all=True, append_images=frames[1:])
    got = run(folder(classes))
    assert got.warned("0 is black and 4095 is white")
    assert got.warned("of which the first is used: 1")


def test_unlabeled_images_are_kept(run: Callable[..., Any], classes: Path) -> None:
    names = sorted(path.relative_to(classes).as_posix() for path in classes.rglob("*.png"))
    (classes / "table.csv").write_text("path,label\n" + "".join(f"{name},\n" for name in names))
    got = run({"name": "manifest", "path": str(classes / "table.csv")})
    assert got.store.classes == ()
    assert got.card["unlabeled"] == 20
    assert set(got.store.items["split"]) == {"train", "val", "test"}


def test_a_failed_run_leaves_the_earlier_one(run: Callable[..., Any], classes: Path) -> None:
    before = files.read_manifest(run(folder(classes)).root)
    for path in classes.rglob("*.png"):
        path.write_text("no longer")
    with pytest.raises(ValueError, match="readable image"):
        run(folder(classes))
    root = classes.parent / "out" / "prepared"
    assert json.loads((root / "manifest.json").read_text())["files"] == before
    assert [path.name for path in root.parent.iterdir() if path.name.startswith(".")] == []
