from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.data.canvas import MIXED_SIZE, Canvas, fit, to_gray

sides = st.integers(1, 40)
hows = st.sampled_from(["pad", "crop", "stretch"])


def noise(height: int, width: int, channels: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def written(root: Path, images: list[np.ndarray], **options: object) -> np.ndarray:
    root.mkdir(exist_ok=True)
    with Canvas(root, **{"size": None, "how": "pad", "color": "auto", **options}) as canvas:
        for image in images:
            canvas.add(image)
    return np.load(root / "samples.npy", allow_pickle=False)


@given(sides, sides, sides, sides, hows, st.sampled_from([1, 3]), st.booleans())
def test_any_size_fits_any_other(h: int, w: int, height: int, width: int, how: str, channels: int, mask: bool) -> None:
    image = noise(h, w, channels)
    if mask:
        image = np.where(image[:, :, 0] > 127, np.uint8(255), np.uint8(0))
    fitted = fit(image, (height, width), how=how, mask=mask)
    assert fitted.shape == (height, width, *image.shape[2:])
    assert fitted.dtype == np.uint8
    if mask:
        assert set(np.unique(fitted)) <= {0, 255}


@given(sides, sides, sides, sides, st.integers(0, 255))
def test_a_flat_picture_stays_flat_and_padding_is_black(h: int, w: int, height: int, width: int, value: int) -> None:
    flat = np.full((h, w, 1), value, np.uint8)
    for how in ("crop", "stretch"):
        assert np.unique(fit(flat, (height, width), how=how)).tolist() == [value]
    assert set(np.unique(fit(flat, (height, width), how="pad")).tolist()) <= {0, value}


def test_pad_shows_all_and_crop_cuts_evenly() -> None:
    image = np.zeros((4, 8, 1), np.uint8)
    image[:, :2], image[:, 6:] = 100, 200  # marks at both ends
    padded = fit(image, (8, 8), how="pad")
    assert (padded[:2] == 0).all()
    assert (padded[6:] == 0).all()
    np.testing.assert_array_equal(padded[2:6], image)
    assert (fit(image, (4, 4), how="crop") == 0).all()


def test_reducing_averages_areas() -> None:
    image = noise(12, 12, 3)
    blocks = image.reshape(4, 3, 4, 3, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(fit(image, (4, 4), how="stretch"), blocks, atol=0.51)


def test_a_ribbon_does_not_fill_memory() -> None:
    assert fit(np.zeros((1, 400_000, 3), np.uint8), (512, 512), how="crop").shape == (512, 512, 3)


def test_equal_sizes_are_kept(tmp_path: Path) -> None:
    images = [noise(5, 7, 3, seed) for seed in range(4)]
    np.testing.assert_array_equal(written(tmp_path / "a", images), np.stack(images))


def test_one_pass_gives_what_known_size_and_color_give(tmp_path: Path) -> None:
    images = [noise(9, 9, 1, 0), noise(9, 9, 1, 1), noise(9, 9, 3, 2), noise(30, 11, 1, 3), noise(99, 80, 3, 4)]
    late = written(tmp_path / "late", images)
    known = written(tmp_path / "known", images, size=MIXED_SIZE, color="rgb")
    np.testing.assert_array_equal(late, known)
    assert late.shape == (5, *MIXED_SIZE, 3)


def test_masks_follow_their_images(tmp_path: Path) -> None:
    with Canvas(tmp_path, size=None, how="pad", color="auto") as canvas:
        first = np.zeros((10, 20), np.uint8)
        first[5:, :] = 255
        rows = [
            canvas.add(noise(10, 20, 1), first),
            canvas.add(noise(20, 20, 1)),
            canvas.add(noise(8, 8, 1), first[:8, :8]),
        ]
    assert rows == [0, -1, 1]
    masks = np.load(tmp_path / "masks.npy")
    assert masks.shape == (2, *MIXED_SIZE)
    assert masks[0].any(axis=1).nonzero()[0].tolist() == list(range(32, 48))


def test_a_mask_that_vanishes_is_counted(tmp_path: Path) -> None:
    with Canvas(tmp_path, size=(4, 4), how="pad", color="gray") as canvas:
        dot = np.zeros((64, 64), np.uint8)
        dot[0, 0] = 255
        canvas.add(noise(64, 64, 1), dot)
        canvas.add(noise(64, 64, 1), np.zeros_like(dot))
    assert canvas.vanished == 1


def test_gray_weighs_the_colors(tmp_path: Path) -> None:
    image = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    assert to_gray(image).ravel().tolist() == [76, 150, 29]
    assert written(tmp_path, [image], color="gray").shape == (1, 1, 3, 1)


def test_a_full_disk_is_an_error_and_no_crash(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    (tmp_path / "samples.npy").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        written(tmp_path, [noise(1000, 1000, 3)] * 2)
