from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.data.orientations import TO_STORED

from darkroom.data import decode, masks
from darkroom.data.item import UnreadableError
from darkroom.data.levels import Levels, value_range

RAMP = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5  # (H, W), no symmetry
COLORS = np.stack([RAMP, RAMP[::-1], 255 - RAMP], axis=2)  # (H, W, 3)


def read(path: Path) -> np.ndarray:
    return Levels([path]).pixels(path)


def saved(tmp_path: Path, image: Image.Image, name: str = "image.png", **options: object) -> Path:
    image.save(tmp_path / name, **options)
    return tmp_path / name


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tiff", "a.webp", "a.ppm", "a.jp2"])
def test_lossless_files_come_back(tmp_path: Path, name: str) -> None:
    options = {"lossless": True} if name.endswith("webp") else {}
    np.testing.assert_array_equal(read(saved(tmp_path, Image.fromarray(COLORS), name, **options)), COLORS)


def test_gray_in_any_mode_is_one_channel(tmp_path: Path) -> None:
    gray = Image.fromarray(RAMP)
    for mode in ("L", "RGB", "LA", "RGBA"):
        np.testing.assert_array_equal(read(saved(tmp_path, gray.convert(mode))), RAMP[:, :, None])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    kept = Image.fromarray(np.ascontiguousarray(TO_STORED[orientation](COLORS)))
    np.testing.assert_array_equal(read(saved(tmp_path, kept, exif=exif)), COLORS)


def test_palette_and_its_transparency(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 0, 255, 9, 9, 9])
    assert read(saved(tmp_path, image)).tolist() == [[[255, 0, 0], [0, 0, 255], [9, 9, 9]]]
    assert read(saved(tmp_path, image, transparency=0)).tolist() == [[[255, 255, 255], [0, 0, 255], [9, 9, 9]]]


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[[200, 100, 0, 255], [200, 100, 0, 0], [200, 100, 0, 127]]], np.uint8), "RGBA")
    opaque, clear, half = read(saved(tmp_path, image))[0].astype(int)
    assert opaque.tolist() == [200, 100, 0]
    assert clear.tolist() == [255, 255, 255]
    assert np.abs(half - [227.6, 177.8, 128]).max() <= 1


def test_cmyk_and_one_bit(tmp_path: Path) -> None:
    flat = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    red = read(saved(tmp_path, flat, "a.jpg", quality=95))[4, 4].astype(int)
    assert red[0] > 240
    assert red[1:].max() < 15
    bits = Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
    assert read(saved(tmp_path, bits)).ravel().tolist() == [0, 255]


def test_sixteen_bits_are_scaled_by_the_range(tmp_path: Path) -> None:
    values = np.array([[0, 257, 128 * 257, 65535]], np.uint16)
    for name in ("a.png", "a.tiff"):
        assert read(saved(tmp_path, Image.fromarray(values), name)).ravel().tolist() == [0, 1, 128, 255]


def test_twelve_bits_in_sixteen_use_one_range_for_the_set(tmp_path: Path) -> None:
    bright = saved(tmp_path, Image.fromarray(np.array([[0, 4095]], np.uint16)), "a.png")
    dark = saved(tmp_path, Image.fromarray(np.array([[0, 819]], np.uint16)), "b.png")
    levels = Levels([bright, dark])
    assert levels.pixels(dark).ravel().tolist() == [0, 51]
    assert levels.pixels(bright).ravel().tolist() == [0, 255]
    assert levels.used == {"whole": (0, 4095)}


def test_floats_and_wide_integers(tmp_path: Path) -> None:
    fractions = saved(tmp_path, Image.fromarray(np.array([[0, 0.5, 1]], np.float32)), "a.tiff")
    assert read(fractions).ravel().tolist() == [0, 128, 255]
    signed = saved(tmp_path, Image.fromarray(np.array([[-1000, 0, 1000]], np.int32)), "b.tiff")
    assert read(signed).ravel().tolist() == [0, 128, 255]


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.booleans())
def test_the_range_holds_all_values(low: float, span: float, whole: bool) -> None:
    if whole:
        low, span = np.floor(low), np.floor(span)
    black, white = value_range(low, low + span, whole=whole)
    assert black < white
    assert black <= low
    assert low + span <= white


@pytest.mark.parametrize("kind", ["bool", "uint8", "uint16", "int64", "float32", "float64"])
def test_arrays_of_any_type(kind: str) -> None:
    values = np.array([[0, 1], [1, 0]]).astype(kind)
    pixels = Levels([values]).pixels(values)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (2, 2, 1)
    white = 255 if kind in ("bool", "float32", "float64") else 1
    assert pixels.max() == white


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"hello", "not an image"),
        (b"%PDF-1.7", "not an image"),
        (b"\x89PNG\r\n\x1a\n", "broken|not an image"),
    ],
)
def test_other_files_are_unreadable(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(UnreadableError, match=reason):
        read(tmp_path / "a.png")


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tiff", "a.webp", "a.gif", "a.bmp", "a.jp2"])
def test_a_file_cut_anywhere_is_listed_and_never_crashes(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    whole = saved(tmp_path, Image.fromarray(noise), name).read_bytes()
    for cut in range(1, len(whole) // 2, max(1, len(whole) // 40)):
        (tmp_path / name).write_bytes(whole[:cut])
        with pytest.raises(UnreadableError) as caught:
            read(tmp_path / name)
        assert str(tmp_path) not in str(caught.value)


def test_a_picture_of_too_many_pixels_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MAX_PIXELS", 47)
    for image in (saved(tmp_path, Image.fromarray(RAMP)), RAMP):
        with pytest.raises(UnreadableError, match="more than 47 pixels"):
            Levels([]).pixels(image)


def test_missing_files_and_odd_arrays_are_unreadable(tmp_path: Path) -> None:
    for image, reason in (
        (tmp_path / "none.png", "No such file"),
        (np.zeros((0, 3)), "shape"),
        (np.zeros((2, 2, 7)), "shape"),
        (np.full((2, 2), np.nan), "not finite"),
        (np.full((2, 2), "x"), "expected numbers"),
    ):
        with pytest.raises(UnreadableError, match=reason):
            Levels([image]).pixels(image)


def test_masks_are_what_is_not_zero(tmp_path: Path) -> None:
    expected = np.array([[0, 255], [255, 0]], np.uint8)
    for values in (expected, expected // 255, expected > 0, expected.astype(np.uint16) * 200):
        np.testing.assert_array_equal(masks.read(values).marked, expected)
    clear = Image.fromarray(np.dstack([expected] * 3 + [255 - expected]), "RGBA")
    assert not masks.read(saved(tmp_path, clear)).marked.any()
    palette = Image.fromarray(expected // 255, "P")
    palette.putpalette([0, 0, 0, 128, 0, 0])
    np.testing.assert_array_equal(masks.read(saved(tmp_path, palette)).marked, expected)


def test_several_frames_are_noticed(tmp_path: Path) -> None:
    frames = [Image.fromarray(RAMP), Image.fromarray(RAMP[::-1].copy())]
    path = saved(tmp_path, frames[0], "a.tiff", save_all=True, append_images=frames[1:])
    assert decode.head(path).frames
    np.testing.assert_array_equal(read(path)[:, :, 0], RAMP)
    assert not decode.head(saved(tmp_path, frames[0], "b.tiff")).frames


@pytest.mark.parametrize("kind", ["png", "tiff"])
@pytest.mark.parametrize("alpha", [False, True])
def test_twelve_bits_in_sixteen_bit_color_are_scaled_like_gray(tmp_path: Path, kind: str, alpha: bool) -> None:
    import cv2

    color = (np.arange(48, dtype=np.uint16).reshape(4, 4, 3) * 87)[..., ::-1]  # up to 4089
    layers = np.dstack([color[..., ::-1], np.full((4, 4), 65535, np.uint16)]) if alpha else color[..., ::-1]
    cv2.imwrite(str(tmp_path / f"color.{kind}"), layers)
    gray = saved(tmp_path, Image.fromarray(color[..., 0]), f"gray.{kind}")
    levels = Levels([tmp_path / f"color.{kind}", gray])
    found = levels.pixels(tmp_path / f"color.{kind}")
    np.testing.assert_array_equal(found, np.rint(color * (255 / 4095)).astype(np.uint8))
    np.testing.assert_array_equal(levels.pixels(gray)[:, :, 0], found[:, :, 0])
    assert levels.used == {"whole": (0, 4095)}


def test_deep_color_is_upright_and_its_transparency_white(tmp_path: Path) -> None:
    import cv2

    layers = np.full((2, 3, 4), 65535, np.uint16)
    layers[0, 0] = 0  # transparent
    layers[1, 2, :3] = (0, 0, 65535)  # red, from BGR
    cv2.imwrite(str(tmp_path / "a.png"), layers)
    found = read(tmp_path / "a.png")
    assert found[0, 0].tolist() == [255, 255, 255]
    assert found[1, 2].tolist() == [255, 0, 0]
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(UnreadableError):
        read(tmp_path / "a.png")


def test_large_text_in_a_png_is_ignored(tmp_path: Path) -> None:
    from PIL.PngImagePlugin import PngInfo

    about = PngInfo()
    about.add_text("comment", "x" * 2_000_000, zip=True)
    path = saved(tmp_path, Image.fromarray(COLORS), pnginfo=about)
    content = path.read_bytes()
    start, end = content.index(b"zTXt") - 4, content.index(b"IDAT") - 4
    last = content.index(b"IEND") - 4
    for moved in (content, content[:start] + content[end:last] + content[start:end] + content[last:]):
        path.write_bytes(moved)
        np.testing.assert_array_equal(read(path), COLORS)
        assert decode.head(path).format == "PNG"


def test_gray_to_within_two_levels_is_gray() -> None:
    gray = np.dstack([RAMP] * 3)
    for apart in (1, 2, 3):
        changed = gray.copy()
        changed[2, 3, 2] -= apart
        found = Levels([]).pixels(changed)
        assert found.shape[2] == (1 if apart <= decode.GRAY_TOLERANCE else 3)
        assert np.abs(found.astype(int) - gray[:, :, : found.shape[2]]).max() <= apart
