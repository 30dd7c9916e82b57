"""Malicious and damaged data: bombs that only declare their size, bytes changed at random, pickles."""

from __future__ import annotations

import io
import pickle
import random
import struct
import tarfile
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from darkroom import registry
from darkroom.data import archives, decode, masks
from darkroom.data.archives import ArchiveError
from darkroom.data.item import UnreadableError
from darkroom.data.levels import Levels

HUGE = 100_000
CHANGES = 60


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")


DECLARED = {
    "png": png(HUGE, HUGE),
    "bmp": struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 200, 0, 0, 54, 40, HUGE, HUGE, 1, 24, 0, 100, 0, 0, 0, 0) + bytes(146),
    "ppm": b"P6\n100000 100000\n255\n" + bytes(99),
    "pgm": b"P5\n100000 100000\n65535\n" + bytes(99),
    "gif": b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0x80, 0, 0) + bytes(6)
    + b"," + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\x02\x02\x4c\x01\0;",
    "tiff": b"II*\0\x08\0\0\0" + struct.pack("<H", 4)
    + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in ((256, HUGE), (257, HUGE), (262, 1), (273, 8)))
    + bytes(4),
}  # fmt: skip
"""A few hundred bytes each that declare ten billion pixels (the GIF: four billion)."""


@pytest.mark.parametrize("ending", DECLARED)
def test_a_size_that_is_only_declared_fills_no_memory(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"image.{ending}"
    path.write_bytes(DECLARED[ending])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for read in (lambda: Levels([path]).pixels(path), lambda: masks.read(path)):
            with pytest.raises(UnreadableError, match=r"decompression bomb|broken image|not an image"):
                read()


def test_what_an_image_is_decides_not_its_ending(tmp_path: Path) -> None:
    values = np.arange(48, dtype=np.uint8).reshape(6, 8)
    content = io.BytesIO()
    Image.fromarray(values).save(content, "PNG")
    for name in ("a.jpg", "a.gif", "a", "a.txt", "a.html"):
        (tmp_path / name).write_bytes(content.getvalue())
        np.testing.assert_array_equal(Levels([]).pixels(tmp_path / name)[:, :, 0], values)


def changed(content: bytes, draw: random.Random) -> bytes:
    """Return the bytes with a few of them replaced, removed, doubled or cut off."""
    data = bytearray(content)
    for _ in range(draw.choice([1, 1, 2, 5])):
        at = draw.randrange(len(data))
        match draw.randrange(4):
            case 0:
                data[at] = draw.choice([0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)])
            case 1:
                data[at : at + 4] = draw.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\0\x80"])
            case 2:
                del data[at : at + draw.choice([1, 8, 64])]
            case 3:
                data[at:at] = data[at : at + draw.choice([1, 8, 64])]
        if len(data) < 2:
            break
    return bytes(data)


@pytest.mark.parametrize("ending", ["png", "jpg", "tiff", "webp", "gif", "bmp", "jp2", "ico", "ppm"])
def test_an_image_of_changed_bytes_is_read_or_listed(tmp_path: Path, ending: str) -> None:
    draw, path = random.Random(ending), tmp_path / f"image.{ending}"
    noise = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    whole, listed = path.read_bytes(), 0
    for _ in range(CHANGES):
        path.write_bytes(changed(whole, draw))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                Levels([path]).pixels(path)
                decode.head(path)
                masks.read(path)
            except UnreadableError:
                listed += 1
    assert listed


def packed_zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("cat/1.png", "cat/2.png", "dog/"):
            archive.writestr(name, b"some content" * 20)
    return content.getvalue()


def packed_tar(mode: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as archive:  # type: ignore[call-overload]
        for name in ("cat/1.png", "x" * 150, "dog/2.png"):
            info = tarfile.TarInfo(name)
            info.size = 240
            archive.addfile(info, io.BytesIO(b"some content" * 20))
    return content.getvalue()


@pytest.mark.parametrize("kind", ["zip", "w", "w:gz", "w:bz2", "w:xz"])
def test_an_archive_of_changed_bytes_unpacks_inside_or_is_refused(tmp_path: Path, kind: str) -> None:
    draw, whole = random.Random(kind), packed_zip() if kind == "zip" else packed_tar(kind)
    refused = 0
    for number in range(CHANGES):
        path, target = tmp_path / "archive", tmp_path / "out" / str(number)
        path.write_bytes(changed(whole, draw))
        if archives.kind(path) is None:
            refused += 1
            continue
        try:
            archives.unpack(path, target)
        except (ArchiveError, OSError):
            refused += 1
    assert refused
    assert {place.name for place in tmp_path.iterdir()} <= {"archive", "out"}
    assert all(place.name.isdigit() for place in (tmp_path / "out").glob("*"))
    assert not any(place.is_symlink() for place in tmp_path.rglob("*"))


class Harm:
    """Creates a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return (Path.touch, (self.path,))


def test_pickles_offered_as_data_are_never_run(tmp_path: Path) -> None:
    harm, raw = tmp_path / "harm", tmp_path / "raw"
    raw.mkdir()
    objects = np.array([Harm(harm)] * 3, dtype=object)
    np.savez(tmp_path / "set.npz", x=objects, y=objects)
    source = registry.build(registry.options("source", "npz")(path=str(tmp_path / "set.npz")))
    source.fetch(raw)
    with pytest.raises(ValueError, match="it holds Python objects, which are never read"):
        source.contents(raw)
    for name in ("a.png", "a.npy", "a.pkl", "a.pt"):
        (tmp_path / name).write_bytes(pickle.dumps(Harm(harm)))
        with pytest.raises(UnreadableError, match="not an image"):
            Levels([]).pixels(tmp_path / name)
    (tmp_path / "set.npz").write_bytes(pickle.dumps(Harm(harm)))
    with pytest.raises(ValueError, match=r"data\.source\.path: .*set\.npz cannot be read as \.npz"):
        source.contents(raw)
    assert not harm.exists()
