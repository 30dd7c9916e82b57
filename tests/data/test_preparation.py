"""New images are prepared exactly as `data prepare` prepared the data set: the same bytes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from darkroom.data.canvas import fit, unfit
from darkroom.data.item import UnreadableError
from darkroom.data.preparation import Preparation, read_preparation

COLORED = {"rgb.png", "turned.jpg", "palette.png", "alpha.png"}


def write_all(root: Path, *, colored: bool) -> list[Path]:
    """Write one image of each kind that decoding treats differently."""
    generator = np.random.default_rng(0)
    root.mkdir(parents=True)

    def noise(*shape: int) -> np.ndarray:
        return generator.integers(0, 256, shape, dtype=np.uint8)

    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90°
    Image.fromarray(noise(20, 30)).save(root / "gray.png")
    Image.fromarray(noise(31, 17)).save(root / "tall.bmp")
    Image.fromarray(noise(20, 30) > 99).save(root / "bits.png")
    Image.fromarray(noise(20, 30).astype(np.uint16) * 15).save(root / "deep.png")
    Image.fromarray(noise(20, 30).astype(np.float32) / 255).save(root / "fractions.tiff")
    Image.fromarray(np.stack([noise(20, 30), noise(20, 30)], axis=2), "LA").save(root / "gray_alpha.png")
    if colored:
        Image.fromarray(noise(20, 30, 3)).save(root / "rgb.png")
        Image.fromarray(noise(20, 30, 3)).save(root / "turned.jpg", exif=exif)
        Image.fromarray(noise(20, 30, 3)).quantize(9).save(root / "palette.png")
        Image.fromarray(noise(20, 30, 4)).save(root / "alpha.png")
    return sorted(root.iterdir())


@pytest.mark.parametrize("resize", ["pad", "crop", "stretch"])
@pytest.mark.parametrize(("color", "colored"), [("auto", True), ("auto", False), ("gray", True), ("rgb", False)])
def test_a_file_prepared_later_has_the_bytes_of_the_store(
    resize: str, color: str, colored: bool, run: Callable[..., Any], tmp_path: Path
) -> None:
    paths = write_all(tmp_path / "set" / "a", colored=colored)
    for number, size in enumerate((None, 24, (40, 13))):
        found = run(
            {"name": "folder", "path": str(tmp_path / "set")}, to=f"{number}", size=size, resize=resize, color=color
        )
        assert len(found.store.samples) == len(paths)
        way = read_preparation(found.root)
        for path in paths:
            prepared = way.apply(way.decode(path))
            assert prepared.tobytes() == found.image(f"a/{path.name}").tobytes(), path.name
            assert way.remark(way.decode(path)) == ""


def test_what_the_set_did_not_have_is_reported(
    run: Callable[..., Any], picture: Callable[..., Path], tmp_path: Path
) -> None:
    picture(tmp_path / "set" / "a" / "one.png", 0, (8, 16))
    source = {"name": "folder", "path": str(tmp_path / "set")}
    way = read_preparation(run(source).root)
    paths = {path.name: path for path in write_all(tmp_path / "new", colored=True)}
    for name in COLORED:
        with pytest.raises(UnreadableError, match=r"a color image, .* data\.color: gray"):
            way.decode(paths[name])
    for name in ("deep.png", "fractions.tiff"):
        with pytest.raises(UnreadableError, match="deeper than 8 bits"):
            way.decode(paths[name])
    assert "has borders" in way.remark(way.decode(paths["tall.bmp"]))
    gray = read_preparation(run(source, to="gray", color="gray").root)
    assert all(gray.apply(gray.decode(paths[name])).shape == (8, 16, 1) for name in COLORED)


def test_gray_images_of_lossy_formats_are_gray_later_as_in_the_set(
    run: Callable[..., Any], picture: Callable[..., Path], tmp_path: Path
) -> None:
    gray = np.asarray(Image.open(picture(tmp_path / "set" / "a" / "one.png", 0))).astype(np.int16)
    for number, apart in enumerate((1, -2)):
        rounded = np.clip(np.dstack([gray, gray + apart * (gray > 9), gray]), 0, 255).astype(np.uint8)
        Image.fromarray(rounded).save(tmp_path / "set" / "a" / f"rounded-{number}.png")
    found = run({"name": "folder", "path": str(tmp_path / "set")})
    assert found.card["shape"] == [8, 8, 1]
    way = read_preparation(found.root)
    for name in ("rounded-0.png", "rounded-1.png"):
        assert way.decode(tmp_path / "set" / "a" / name).tobytes() == found.image(f"a/{name}").tobytes()


def test_a_folder_without_a_preparation_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not say how its images were prepared"):
        read_preparation(tmp_path)


def test_it_is_saved_and_read(tmp_path: Path) -> None:
    way = Preparation(4, 5, 1, "pad", "auto", (0.5, 2.0), {"whole": (0.0, 4095.0)})
    way.save(tmp_path)
    assert read_preparation(tmp_path) == way


@pytest.mark.parametrize("how", ["pad", "crop", "stretch"])
def test_a_map_is_laid_where_its_image_was(how: str) -> None:
    """A bright square is mapped back to its place, whatever the shapes."""
    for (h, w), size in itertools.product([(40, 90), (120, 60), (33, 33), (7, 50)], [(32, 32), (64, 48), (20, 80)]):
        image = np.zeros((h, w, 1), np.uint8)
        rows, columns = slice(h // 3, h // 3 + max(2, h // 4)), slice(2 * w // 5, 2 * w // 5 + max(2, w // 5))
        image[rows, columns] = 255
        laid = unfit(fit(image, size, how=how)[:, :, 0].astype(np.float32), (h, w), how=how)
        assert laid.shape == (h, w)
        cut = np.isneginf(laid)
        assert how == "crop" or not cut.any()
        seen = image[:, :, 0] * ~cut
        if not seen.any():
            continue
        weights = np.where(cut, 0, laid)
        for axis in (0, 1):
            places = np.arange(laid.shape[axis])
            centers = [np.average(places, weights=values.sum(1 - axis)) for values in (weights, seen)]
            assert abs(centers[0] - centers[1]) <= 0.5 + laid.shape[axis] / size[axis]
