"""The images that a report shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from torch import Tensor

from darkroom import files
from darkroom.data.store import Store
from darkroom.detect.detector import Detector, Scored
from darkroom.detect.evaluation.examples import (
    STRIP,
    THUMBNAIL,
    ScoredTest,
    TopMaps,
    color_scale,
    enlarged,
    panels,
    save_examples,
)
from darkroom.overlay import OUTLINE, Scale
from darkroom.sheets import COLUMNS, ROWS, reduced


class Brightest(Detector):
    """Scores by the mean value, maps the values, and takes the negative for a normal image."""

    def fit(self, images: Any, train: Any, val: Any, **more: Any) -> None: ...

    def score(self, images: Tensor) -> Scored:
        return Scored(images.mean((1, 2, 3)), images.mean(1))

    def reconstruct(self, images: Tensor) -> Tensor:
        return 1 - images


def verdicts(items: int, side: int = 8, *, masks: bool = False, anomalous: bool | None = None) -> ScoredTest:
    """Noise of rising brightness, every third image anomalous unless all or none are to be."""
    draws = np.random.default_rng(items)
    images = draws.integers(0, 256, (items, side, side, 1)) * np.linspace(0.2, 1, items)[:, None, None, None]
    unusual = np.arange(items) % 3 == 0 if anomalous is None else np.full(items, anomalous)
    table = pd.DataFrame({"id": [f"part/{k:04d}.png" for k in range(items)], "label": unusual.astype(int)})
    table = table.assign(mask=np.where(unusual & masks, 0, -1))
    mask = np.zeros((1, side, side), np.uint8)
    mask[0, 2:5, 2:5] = 255
    store = Store("noise", ("good", "crack"), images.astype(np.uint8), table, mask if masks else None)
    scores = store.samples.mean((1, 2, 3)) / 255
    return ScoredTest(store, np.arange(items), unusual, scores, 0.3)


def write(folder: Path, test: ScoredTest, *, keep: int = 1000, maps: bool = True) -> dict[str, Any]:
    kept, of_val = TopMaps(keep), TopMaps(0)
    values = test.store.samples.mean(3).astype(np.float32) / 255
    for start in range(0, len(values), 32):
        batch = slice(start, start + 32)
        kept.add(test.scores[batch], values[batch] if maps else None)
    of_val.add(np.zeros(3), values[:3] if maps else None)
    save_examples(folder, test, kept, enlarged(Brightest(), test), color_scale(of_val, kept))
    found: dict[str, Any] = files.read_json(folder / "examples.json")
    return found


def test_the_list_is_ranked_and_the_strips_hold_the_worst(tmp_path: Path) -> None:
    test = verdicts(130)
    strips = write(tmp_path, test)["strips"]
    scores = {name: [item["score"] for item in strip["items"]] for name, strip in strips.items()}
    assert scores["ranked"] == sorted(test.scores, reverse=True)
    assert scores["highest"] == scores["ranked"][:STRIP]
    assert scores["misses"] == sorted(test.scores[test.anomalous])[:STRIP]
    assert scores["false_alarms"] == sorted(test.scores[~test.anomalous], reverse=True)[:STRIP]
    assert len(strips["ranked"]["sheets"]) == -(-130 // (COLUMNS * ROWS))
    for item in strips["ranked"]["items"]:
        place = int(item["id"][5:9])
        assert (item["class"] == "crack") == item["anomalous"] == test.anomalous[place]
        assert item["flagged"] == (test.scores[place] > test.threshold)


def test_every_image_stands_where_the_description_says(tmp_path: Path) -> None:
    test = verdicts(70)
    about = write(tmp_path, test)["strips"]
    for name, shown in (("ranked", ["input", "map"]), ("misses", ["input", "reconstruction", "map"])):
        strip = about[name]
        assert strip["panels"] == shown
        sheets = [np.asarray(Image.open(tmp_path / sheet)) for sheet in strip["sheets"]]
        size = strip["columns"] * strip["rows"]
        for place, item in enumerate(strip["items"]):
            top = place % size // strip["columns"] * strip["height"]
            left = place % strip["columns"] * strip["width"] * len(shown)
            panel = sheets[place // size][top : top + strip["height"], left : left + strip["width"]]
            assert (panel == test.store.samples[int(item["id"][5:9])]).all(), "small ones are kept without loss"


def test_no_more_are_kept_than_asked_for_whatever_the_batches(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    scores, maps = draws.integers(0, 20, 300) / 20, draws.random((300, 8, 8)).astype(np.float32)  # with ties
    found = []
    for size in (1, 7, 300):
        kept = TopMaps(25)
        for start in range(0, 300, size):
            kept.add(scores[start : start + size], maps[start : start + size])
        ranked = list(kept.ranked())
        assert all(values == pytest.approx(maps[place], abs=1e-3) for place, values in ranked)
        found.append(([place for place, _ in ranked], kept.peaks))
    assert found[0] == found[1] == found[2]
    assert found[0][0] == np.argsort(-scores, kind="stable")[:25].tolist()
    assert len(found[0][1]) == 300, "the color scale is that of all images"


@pytest.mark.parametrize("anomalous", [True, False])
def test_a_test_set_of_one_kind_has_no_strip_of_the_other(anomalous: bool, tmp_path: Path) -> None:
    strips = write(tmp_path, verdicts(20, anomalous=anomalous))["strips"]
    empty = strips["false_alarms" if anomalous else "misses"]
    assert empty["items"] == empty["sheets"] == []
    assert len(strips["misses" if anomalous else "false_alarms"]["items"]) == STRIP


def test_a_detector_without_maps_shows_the_images(tmp_path: Path) -> None:
    about = write(tmp_path, verdicts(20), maps=False)
    assert about["colors"] is None
    assert about["strips"]["ranked"]["panels"] == ["input"]


def test_the_mask_goes_round_on_the_map_or_on_the_image_where_there_is_none() -> None:
    test = verdicts(6, masks=True)
    values = np.zeros((8, 8), np.float32)
    drawn = panels(test.example(0, values), Scale(0, 1), 96)
    assert (drawn["input"] == test.store.samples[0]).all()
    assert (drawn["map"] == OUTLINE).all(2).sum() == 4 * 3
    assert (panels(test.example(0, None), None, 96)["input"] == OUTLINE).all(2).any()
    assert not (panels(test.example(1, values), Scale(0, 1), 96)["map"] == OUTLINE).all(2).any()


@pytest.mark.parametrize("shape", [(224, 224, 1), (300, 100, 3), (100, 301)])
def test_large_pictures_keep_their_form_and_small_ones_are_left_alone(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    small = reduced(pixels, THUMBNAIL)
    assert max(small.shape[:2]) == THUMBNAIL
    assert small.shape[2:] == shape[2:]
    assert small.shape[0] / small.shape[1] == pytest.approx(shape[0] / shape[1], rel=0.02)
    assert abs(small.mean() - pixels.mean()) < 1
    assert reduced(small, THUMBNAIL) is small


def test_the_same_images_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, verdicts(60, side=128, masks=True))
        files.write_manifest(tmp_path / name)
    assert files.read_manifest(tmp_path / "a") == files.read_manifest(tmp_path / "b")
