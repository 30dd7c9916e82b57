"""The course of a training: what a judge sees in the snapshots, and which measures are left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from torch import Tensor, nn, where

from darkroom.data.store import open_store
from darkroom.generate.evaluation.course import draw_course, followed
from darkroom.generate.evaluation.spaces import JudgeClassifier
from darkroom.generate.snapshots import EPOCHS, SAMPLES


class Pixels(nn.Module):
    """A judge whose features are the pixels, and who sees class 3 in bright images and class 0 in others."""

    def features(self, images: Tensor) -> Tensor:
        return images.flatten(1)

    def forward(self, images: Tensor) -> Tensor:
        bright = images.mean((1, 2, 3)) > 0.5
        return nn.functional.one_hot(where(bright, 3, 0), 10).float()


def write(folder: Path, drawn: np.ndarray, epochs: list[int]) -> None:
    np.save(folder / SAMPLES, drawn)
    pd.DataFrame({"epoch": epochs}).to_csv(folder / EPOCHS, index=False)


@pytest.mark.training
def test_a_model_that_repeats_itself_covers_less(digits: Path, tmp_path: Path) -> None:
    store = open_store(digits)
    judge, held_out = JudgeClassifier(Pixels(), store.classes, ""), store.samples[store.rows("val")]
    train = store.samples[store.rows("train")]
    write(tmp_path, np.stack([np.resize(train[:different], train[:200].shape) for different in (1000, 2)]), [1, 2])
    covered = followed(tmp_path, judge, held_out)["coverage"]
    assert covered[0] > 3 * covered[1]


def test_it_shows_when_classes_were_lost(digits: Path, tmp_path: Path) -> None:
    store = open_store(digits)
    bright, dark = np.full((10, 8, 8, 1), 255, np.uint8), np.zeros((10, 8, 8, 1), np.uint8)
    write(tmp_path, np.stack([np.concatenate([bright, dark]), np.concatenate([bright, bright])]), [1, 5])
    table = followed(tmp_path, JudgeClassifier(Pixels(), store.classes, ""), store.samples[:20])
    assert table["classes"].tolist() == [2, 1]
    assert table["largest_class"].tolist() == [0.5, 1.0]
    draw_course(table, tmp_path / "course.png")
    assert (tmp_path / "course.png").exists()


@pytest.mark.parametrize(("reason", "held_out", "columns"), [("no labels", 20, ["epoch", "coverage"]), ("", 3, None)])
def test_measures_that_need_labels_or_held_out_images_are_left_out(
    digits: Path, tmp_path: Path, reason: str, held_out: int, columns: list[str] | None
) -> None:
    store = open_store(digits)
    write(tmp_path, store.samples[None, :200], [1])
    table = followed(tmp_path, JudgeClassifier(Pixels(), store.classes, reason), store.samples[:held_out])
    assert list(table) == (columns or ["epoch", "classes", "largest_class"])
