"""A mask marks the same pixels in any file format and is oriented like its image."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.data.orientations import TO_STORED

from darkroom.data import decode, masks

SQUARE = np.zeros((32, 32), np.uint8)
SQUARE[12:20, 12:20] = 255


def encoded(values: np.ndarray, format: str, **options: Any) -> bytes:
    content = io.BytesIO()
    Image.fromarray(values).save(content, format, **options)
    return content.getvalue()


def resaved(content: bytes) -> bytes:
    """Return lossy values in a lossless file."""
    return encoded(np.asarray(Image.open(io.BytesIO(content)).convert("L")), "PNG")


CONTENTS = {
    "png": encoded(SQUARE, "PNG"),
    "png of 0 and 1": encoded(SQUARE // 255, "PNG"),
    "jpeg": encoded(SQUARE, "JPEG"),
    "jpeg 95": encoded(SQUARE, "JPEG", quality=95),
    "jpeg rgb": encoded(np.dstack([SQUARE] * 3), "JPEG"),
    "webp": encoded(SQUARE, "WEBP", quality=60),
    "webp lossless": encoded(SQUARE, "WEBP", lossless=True),
    "jpeg saved as png": resaved(encoded(SQUARE, "JPEG")),
    "jpeg 95 saved as png": resaved(encoded(SQUARE, "JPEG", quality=95)),
}


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
@pytest.mark.parametrize("kind", CONTENTS)
def test_a_mask_marks_the_same_pixels_in_any_file(tmp_path: Path, kind: str, ending: str) -> None:
    path = tmp_path / f"mask.{ending}"
    path.write_bytes(CONTENTS[kind])
    found = masks.read(path)
    assert int((found.marked > 0).sum()) == 64
    assert found.lossy == ("jpeg" in kind)


@pytest.mark.parametrize("resave", [False, True])
@pytest.mark.parametrize("quality", [30, 50, 80, 95])
def test_lossy_webp_marks_no_more_than_was_drawn(tmp_path: Path, quality: int, resave: bool) -> None:
    y, x = np.ogrid[:64, :64]
    drawn = ((x - 25) / 15) ** 2 + ((y - 30) / 20) ** 2 <= 1
    content = encoded(np.where(drawn, np.uint8(255), np.uint8(0)), "WEBP", quality=quality)
    path = tmp_path / "mask"
    path.write_bytes(resaved(content) if resave else content)
    found = masks.read(path)
    assert found.lossy
    assert ((found.marked > 0) != drawn).mean() < 0.01


def test_labels_in_a_mask_are_not_noise() -> None:
    labels = np.zeros((64, 64), np.uint8)
    for number in range(1, 25):
        labels[(number // 5) * 12 : (number // 5) * 12 + 8, (number % 5) * 12 : (number % 5) * 12 + 8] = number
    labels[60:] = 255
    found = masks.read(labels)
    assert not found.lossy
    assert ((found.marked > 0) == (labels > 0)).all()


@pytest.mark.parametrize("kind", ["png", "jpg", "tiff", "webp"])
@pytest.mark.parametrize("shape", [(24, 36), (32, 32)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_mask_turns_with_its_image(
    run: Callable[..., Any], tmp_path: Path, orientation: int, shape: tuple[int, int], kind: str
) -> None:
    upright = np.full((*shape, 3), 40, np.uint8)
    upright[2:10, 3:19] = 220  # no symmetry
    exif = Image.Exif()
    exif[decode.ORIENTATION] = orientation
    drawn = np.where(upright[:, :, 0] > 100, np.uint8(255), np.uint8(0))
    for name, mask in (("stored", TO_STORED[orientation](drawn)), ("upright", drawn)):
        root = tmp_path / name
        root.mkdir()
        stored = np.ascontiguousarray(TO_STORED[orientation](upright))
        Image.fromarray(stored).save(root / f"a.{kind}", exif=exif, **({"lossless": True} if kind == "webp" else {}))
        Image.fromarray(np.ascontiguousarray(mask)).save(root / "a_mask.png")
        (root / "table.csv").write_text(f"path,label,mask\na.{kind},x,a_mask.png\n")
        got = run({"name": "manifest", "path": str(root / "table.csv")}, to=f"out-{name}")
        fits_both_ways = orientation != 1 and (orientation < 5 or shape[0] == shape[1])
        assert got.warned("masks turned upright with their image") == fits_both_ways
        if name == "stored" or not fits_both_ways:
            assert got.store.samples.shape[1:3] == shape
            assert ((got.store.masks[0] > 0) == (got.store.samples[0][:, :, 0] > 100)).mean() > 0.99


def test_masks_that_mark_nothing_are_said(run: Callable[..., Any], classes: Path) -> None:
    for name, value in (("empty", 0), ("full", 255)):
        Image.fromarray(np.full((8, 8), value, np.uint8)).save(classes / f"{name}.png")
    rows = [("cat/01.png", "crack", "full"), ("cat/03.png", "crack", "empty"), ("dog/00.png", "good", "empty")]
    table = "path,label,mask\n" + "".join(f"{path},{label},{mask}.png\n" for path, label, mask in rows)
    (classes / "table.csv").write_text(table)
    got = run({"name": "manifest", "path": str(classes / "table.csv")})
    assert got.warned('masks of defects that mark nothing: 1: "empty.png"')
    (classes / "table.csv").write_text(table.replace("full", "empty"))
    assert run({"name": "manifest", "path": str(classes / "table.csv")}).warned("masks of defects that mark nothing: 3")
