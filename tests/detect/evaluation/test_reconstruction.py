from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from darkroom.data.store import open_store
from darkroom.detect.detector import ReconstructionDetector
from darkroom.detect.evaluation.reconstruction import as_bytes, draw_strips, squared_errors


class Dimmed(ReconstructionDetector):
    """Each image with a tenth less of every value."""

    def __init__(self) -> None:
        super().__init__(error="mae", smoothing=0.0)

    def fit(self, images: Any, train: Any, val: Any, **more: Any) -> None: ...

    def reconstruct(self, images: Tensor) -> Tensor:
        return images * 0.9


def test_the_error_is_squared_whatever_the_scores_are(digits: Path) -> None:
    store = open_store(digits)
    rows = store.rows("test")[:70]  # more than a batch
    errors = squared_errors(Dimmed(), store, rows)
    wanted = np.square(store.samples[rows] / 255 * 0.1).mean((1, 2, 3))
    assert errors == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(("normal", "unusual"), [(20, 20), (20, 0), (0, 20), (3, 2)])
def test_the_strips_hold_some_of_both_kinds_column_by_column(
    normal: int, unusual: int, digits: Path, tmp_path: Path
) -> None:
    store = open_store(digits)
    rows = store.rows("test")
    draw_strips(Dimmed(), store, rows[:normal], rows[30 : 30 + unusual], tmp_path)
    strips = [np.asarray(Image.open(tmp_path / name)) for name in ("originals.png", "reconstructions.png")]
    shown = min(normal, 8) + 1 + min(unusual, 4)
    assert [strip.shape for strip in strips] == [(64, 66 * shown - 2, 3)] * 2
    blank = 66 * min(normal, 8)
    assert all((strip[:, blank : blank + 64] == 255).all() for strip in strips)
    if unusual:  # each pixel is enlarged to eight
        last = strips[0][::8, 66 * (shown - 1) :: 8, :1]
        assert np.array_equal(last, store.samples[rows[29 + unusual]])


def test_values_beyond_black_and_white_are_cut() -> None:
    assert as_bytes(torch.tensor([-0.5, 0.5, 1.5]).view(1, 1, 1, 3)).ravel().tolist() == [0, 128, 255]
