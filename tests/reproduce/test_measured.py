"""The stages that measure, on tiny data."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from darkroom.log import silent
from darkroom.reproduce import classify, contents, detect, gain, hog, pyod, results
from darkroom.reproduce.config import ClassifySpec, DetectSpec, GainSpec


@pytest.fixture
def table(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    labels = (np.arange(300) % 10 == 0).astype(np.int64)
    np.savez(tmp_path / "table.npz", X=generator.normal(size=(300, 4)) + 3 * labels[:, None], y=labels)
    return tmp_path / "table.npz"


def test_detectors_of_a_table(table: Path, tmp_path: Path) -> None:
    spec = DetectSpec.model_validate({"table": str(table), "detectors": ["table_pca", "ecod"], "seeds": 2})
    detect.run(spec, out=tmp_path / "found", log=silent)
    found, tested = results.read(tmp_path / "found")
    assert found.keys() == {"table_pca", "ecod", "table_pca of PyOD", "ecod of PyOD"}
    assert tested == 300
    assert all(number.value is not None and number.value > 0.8 and number.seeds == 2 for number in found.values())


def test_splits_are_those_of_adbench() -> None:
    rows, labels = np.arange(2000.0)[:, None], (np.arange(2000) % 20 == 0).astype(np.int64)
    train, test, truth = detect.split(rows, labels, 1)
    assert sorted([*train[:, 0], *test[:, 0]]) == rows[:, 0].tolist()
    assert truth.mean() == labels.mean() == 0.05
    few, other, _ = detect.split(rows[:500], labels[:500], 1)  # drawn with replacement to 1,000
    assert len(few) + len(other) == 1000
    many, rest, _ = detect.split(np.repeat(rows, 6, 0), np.repeat(labels, 6), 1)
    assert len(many) + len(rest) == 10_000


def test_other_data_is_refused(table: Path) -> None:
    known = DetectSpec.model_validate({"table": str(table), "detectors": ["ecod"], "sha256": contents.digest(table)})
    contents.check(known)
    with pytest.raises(ValueError, match=r"table.npz: sha256 \w+, expected 0{64}; see docs/reproduced.md"):
        contents.check(known.model_copy(update={"sha256": "0" * 64}))


def test_the_digest_of_a_folder_covers_names_and_bytes(tmp_path: Path) -> None:
    digests = set()
    for name, text in (("a", "1"), ("a", "2"), ("b", "2")):
        for old in tmp_path.iterdir():
            old.unlink()
        (tmp_path / name).write_text(text)
        digests.add(contents.digest(tmp_path))
    assert len(digests) == 3


def test_pyods_ecod_ignores_the_right_tail_of_columns_skewed_to_the_left() -> None:
    rows = -np.random.default_rng(0).exponential(size=(200, 1))
    assert stats.skew(rows[:, 0]) < 0
    scores = pyod.ecod(rows, np.array([[1.0], [-9.0], [-0.5]]))
    assert scores[1] > scores[2] > scores[0]  # the only value above all others is the least anomalous


def test_pyods_pca_sums_distances_over_variances() -> None:
    train = np.random.default_rng(0).normal(size=(500, 2)) * [1, 1]
    scores = pyod.pca(train, np.array([[0.0, 0.0], [5.0, 5.0]]))
    assert scores[1] > scores[0] > 0  # even the mean lies one away from each unit vector


def test_pyods_one_class_svm_does_not_depend_on_the_units_of_columns() -> None:
    rows = np.random.default_rng(0).normal(size=(200, 2))
    asked = np.array([[0.0, 0.0], [9.0, 9.0]])
    scores = pyod.one_class_svm(rows, asked)
    assert scores[1] > scores[0]
    np.testing.assert_allclose(pyod.one_class_svm(rows * [1, 99], asked * [1, 99]), scores)


def test_models_and_heads_on_pixels(tmp_path: Path) -> None:
    spec = ClassifySpec.model_validate(
        {
            "source": "sklearn",
            "train": 0.9,
            "features": "pixels",
            "models": {"logistic_regression": {}},
            "heads": ["knn"],
        }
    )
    classify.run(spec, out=tmp_path / "found", log=silent)
    found, tested = results.read(tmp_path / "found")
    assert tested == 180
    assert found.keys() == {"logistic_regression", "knn"}
    assert all(number.value is not None and number.value > 0.9 for number in found.values())


def test_gradients_of_an_edge_vote_for_one_orientation() -> None:
    image = np.zeros((1, 8, 8, 1), np.uint8)
    image[:, :, 4:] = 255  # a vertical edge: gradients at 0 degrees, between the first orientation and the last
    found = hog.features(image).reshape(4, 9)
    assert found.shape == (4, 9)
    np.testing.assert_allclose(found[:, 0], found[:, 8], atol=1e-4)
    assert np.abs(found[:, 1:8]).max() < 1e-4
    np.testing.assert_allclose(np.linalg.norm(found), 1, atol=1e-4)


def test_descriptors_are_those_of_the_definition() -> None:
    """Held against loops over pixels: bilinear votes of the gradient's magnitude between the two nearest orientations."""
    image = np.random.default_rng(0).integers(0, 256, (12, 8), dtype=np.uint8)
    down, right = np.gradient(np.sqrt(image / 255))
    cells = np.zeros((3, 2, 9))
    for y, x in np.ndindex(image.shape):
        angle = np.degrees(np.arctan2(down[y, x], right[y, x])) % 180
        for k in range(9):
            distance = abs((angle - (20 * k + 10) + 90) % 180 - 90)
            cells[y // 4, x // 4, k] += np.hypot(down[y, x], right[y, x]) * max(0, 1 - distance / 20)
    blocks = []
    for top in range(2):
        block = cells[top : top + 2, 0:2].ravel()
        block = np.minimum(block / np.linalg.norm(block), 0.2)
        blocks.append(block / np.linalg.norm(block))
    np.testing.assert_allclose(hog.features(image[None, ..., None])[0], np.concatenate(blocks), atol=1e-5)


@pytest.mark.skipif(find_spec("tokenizers") is None, reason="needs the extra text")
def test_the_gain_of_copies(tmp_path: Path) -> None:
    for part, count in (("train", 40), ("test", 10)):
        lines = "".join(f"{i % 2} what answer {i} is {'good' if i % 2 else 'bad'} ?\n" for i in range(count))
        (tmp_path / f"x.{part}.all").write_text(lines)
    spec = GainSpec.model_validate(
        {
            "source": {"name": "text_table", "path": str(tmp_path), "columns": ["label", "text"], "separator": " "},
            "models": {"ngrams": {}},
            "texts": 20,
            "copies": 2,
            "transform": "deletion",
            "seeds": 2,
        }
    )
    gain.run(spec, out=tmp_path / "found", log=silent)
    found, tested = results.read(tmp_path / "found")
    assert tested == 10
    assert found["ngrams"].value is not None
    assert abs(found["ngrams"].value) < 0.5
