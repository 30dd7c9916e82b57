"""The sources that hold arrays: `npz` and `idx`."""

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.data.made import arrays, idx_bytes, splits


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
        np.testing.assert_array_equal(got.store.samples[..., 0], x)

    @pytest.mark.parametrize("names", [("x", "y"), ("images", "labels"), ("X", "Y"), ("data", "target")])
    def test_one_pair(self, run: Callable[..., Any], tmp_path: Path, names: tuple[str, str]) -> None:
        np.savez(tmp_path / "a.npz", **{names[0]: arrays(), names[1]: np.array(["b", "a"] * 6), "other": np.zeros(3)})
        got = run({"name": "npz", "path": str(tmp_path / "a.npz")})
        assert got.store.classes == ("a", "b")
        assert got.store.labels.tolist() == [1, 0] * 6

    def test_labels_are_stripped_and_white_space_is_none(self, run: Callable[..., Any], tmp_path: Path) -> None:
        np.savez(tmp_path / "a.npz", x=arrays(), y=np.array(["cat", " cat", "dog\t", " "] * 3))
        got = run({"name": "npz", "path": str(tmp_path / "a.npz")})
        assert (got.store.classes, got.card["unlabeled"]) == (("cat", "dog"), 3)

    @pytest.mark.parametrize("shape", [(6, 6), (36,), (6, 6, 1), (1, 6, 6), (6, 6, 3), (3, 6, 6)])
    def test_layouts(self, run: Callable[..., Any], tmp_path: Path, shape: tuple[int, ...]) -> None:
        x = arrays(12, *shape)
        np.savez(tmp_path / "a.npz", x=x, y=np.eye(3)[np.arange(12) % 3])
        got = run({"name": "npz", "path": str(tmp_path / "a.npz"), "classes": ["r", "g", "b"]})
        channels = 3 if 3 in shape else 1
        assert got.store.samples.shape == (12, 6, 6, channels)
        assert got.store.classes == ("r", "g", "b")
        expected = (
            x.transpose(0, 2, 3, 1) if len(shape) == 3 and shape[0] == channels else x.reshape(12, 6, 6, channels)
        )
        np.testing.assert_array_equal(got.store.samples, expected)

    def test_levels(self, run: Callable[..., Any], tmp_path: Path) -> None:
        x = np.tile(np.array([[0, 8], [16, 4]], np.float64), (4, 1, 1))
        np.savez(tmp_path / "a.npz", x=x, y=np.zeros(4))
        got = run({"name": "npz", "path": str(tmp_path / "a.npz"), "levels": [0, 16]})
        assert got.store.samples[0].ravel().tolist() == [0, 128, 255, 64]
        np.savez(tmp_path / "a.npz", x=x / 16, y=np.zeros(4))
        again = run({"name": "npz", "path": str(tmp_path / "a.npz")}, to="again")
        np.testing.assert_array_equal(again.store.samples, got.store.samples)

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
            got.store.samples[..., 0], np.concatenate([arrays(40, seed=40), arrays(10, seed=10)])
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
