"""What changes the fingerprint of a source, and what does not."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from darkroom.data.place import local_files
from darkroom.job.fingerprint import source_fingerprint


@pytest.fixture
def images(tmp_path: Path) -> Path:
    root = tmp_path / "images"
    for name in ("cat/1.png", "cat/2.png", "dog/1.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def fingerprint(root: Path) -> str:
    return source_fingerprint(local_files(root), root.parent / "cache" / "fingerprint.json")


def test_touching_changes_nothing(images: Path) -> None:
    before = fingerprint(images)
    os.utime(images / "cat/1.png", ns=(1, 1))
    assert fingerprint(images) == before
    (images / "cat/2.png").write_bytes((images / "cat/2.png").read_bytes())
    assert fingerprint(images) == before


def test_other_content_under_the_old_time_and_size_is_seen(images: Path) -> None:
    before, path = fingerprint(images), images / "cat/1.png"
    status = path.stat()
    time.sleep(0.02)  # the clock behind a change time ticks every few milliseconds
    path.write_bytes(b"X" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_mtime_ns == status.st_mtime_ns
    assert fingerprint(images) != before


def test_a_file_swapped_in_under_the_old_time_is_seen(images: Path, tmp_path: Path) -> None:
    before, path = fingerprint(images), images / "cat/1.png"
    status = path.stat()
    other = tmp_path / "other.png"
    other.write_bytes(b"Y" * status.st_size)
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)
    assert fingerprint(images) != before


def test_renamed_added_and_removed_files_are_seen(images: Path) -> None:
    seen = [fingerprint(images)]
    (images / "cat/1.png").rename(images / "cat/3.png")
    seen.append(fingerprint(images))
    (images / "dog/2.png").write_bytes(b"new")
    seen.append(fingerprint(images))
    (images / "dog/1.png").unlink()
    seen.append(fingerprint(images))
    (images / "dog/2.png").rename(images / "cat/1.png")
    seen.append(fingerprint(images))
    assert len(set(seen)) == len(seen)


def test_two_files_that_swap_contents_are_seen(images: Path) -> None:
    before = fingerprint(images)
    a, b = images / "cat/1.png", images / "dog/1.png"
    contents = a.read_bytes(), b.read_bytes()
    b.write_bytes(contents[0])
    a.write_bytes(contents[1])
    assert fingerprint(images) != before


def test_the_cache_only_saves_time(images: Path) -> None:
    before, cache = fingerprint(images), images.parent / "cache" / "fingerprint.json"
    for broken in ("{", "[]", "null", '{"cat/1.png": 3}', '{"cat/1.png": []}'):
        cache.write_text(broken)
        assert fingerprint(images) == before
    cache.unlink()
    assert fingerprint(images) == before
    assert list(cache.parent.iterdir()) == [cache]


def test_one_file_has_a_fingerprint_too(images: Path) -> None:
    path = images / "cat/1.png"
    before = fingerprint(path)
    path.write_bytes(b"other")
    assert fingerprint(path) != before


def test_the_place_of_a_folder_does_not_count(images: Path) -> None:
    before = fingerprint(images)
    assert fingerprint(images.rename(images.with_name("moved"))) == before
