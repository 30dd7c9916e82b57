"""Embedding within a budget."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

from darkroom.report.parts.pictures import Album


def noise(path: Path, side: int, seed: int) -> Path:
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)).save(path)
    return path


def test_a_picture_that_fits_is_embedded_as_it_is(tmp_path: Path) -> None:
    path = noise(tmp_path / "a.png", 32, 0)
    album = Album()
    album.add(path)
    album.embed()
    head, _, data = album[path].uri.partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(data) == path.read_bytes()
    assert (album[path].width, album[path].height) == (32, 32)


def test_large_pictures_share_the_budget(tmp_path: Path) -> None:
    paths = [noise(tmp_path / f"{i}.png", side, i) for i, side in enumerate((24, 400, 400))]
    album = Album(200_000)
    for path in paths:
        album.add(path)
    album.embed()
    data = [base64.b64decode(album[path].uri.partition(",")[2]) for path in paths]
    assert sum(map(len, data)) <= 200_000
    assert data[0] == paths[0].read_bytes(), "a small one is not touched"
    for path, encoded in zip(paths, data, strict=True):
        assert Image.open(io.BytesIO(encoded)).size == (album[path].width, album[path].height)


def test_an_animated_picture_moves_on_when_made_smaller(tmp_path: Path) -> None:
    path = tmp_path / "strip.png"
    draws = np.random.default_rng(0)
    frames = [Image.fromarray(draws.integers(0, 256, (300, 300, 3), np.uint8)) for _ in range(4)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=[200, 200, 200, 900], loop=3)
    album = Album(150_000)
    album.add(path)
    album.embed()
    encoded = Image.open(io.BytesIO(base64.b64decode(album[path].uri.partition(",")[2])))
    assert encoded.n_frames == 4
    assert encoded.format == "WEBP"
