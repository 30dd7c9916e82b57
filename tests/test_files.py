"""A stage's folder is whole or absent."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from darkroom import files
from darkroom.data.store import new_array

SmallDisk = Callable[..., Path]
MOST = 2**17
"""Bytes of a small disk."""
NOISE = np.random.default_rng(0).integers(0, 256, (512, 512), np.uint8)


def names(root: Path) -> list[str]:
    return sorted(p.name for p in root.iterdir())


def contents(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A finished folder with one file."""
    place = tmp_path / "results" / "model"
    with files.folder(place) as fresh:
        (fresh / "old.txt").write_text("old")
    return place


def test_success_replaces_the_whole_folder(target: Path) -> None:
    with files.folder(target) as fresh:
        assert not list(fresh.iterdir())
        (fresh / "sub").mkdir()
        (fresh / "sub" / "new.txt").write_text("new")
        assert (target / "old.txt").exists(), "the old result stays until the new one is whole"
    assert set(contents(target)) == {"sub/new.txt", files.MANIFEST}


@pytest.mark.parametrize("error", [RuntimeError("no"), KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left")])
def test_an_error_leaves_the_old_folder_as_it_was(target: Path, error: BaseException) -> None:
    before = contents(target)

    def write_half() -> None:
        with files.folder(target) as fresh:
            (fresh / "half.txt").write_text("half")
            raise error

    with pytest.raises(type(error)):
        write_half()
    assert contents(target) == before


def test_all_is_on_the_disk_before_it_takes_the_name(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settled: list[str] = []

    def fsync(number: int) -> None:
        path = Path(f"/proc/self/fd/{number}").readlink()
        settled.append("the folder above" if path == target.parent else path.name)
        assert (target / "new.txt").exists() == (path == target.parent)

    monkeypatch.setattr(os, "fsync", fsync)
    with files.folder(target) as fresh:
        (fresh / "sub").mkdir()
        (fresh / "new.txt").write_text("new")
    assert {"sub", "new.txt", files.MANIFEST} <= set(settled)
    assert settled[-2].endswith(".new"), settled
    assert settled[-1] == "the folder above"


@pytest.mark.parametrize("failing", [False, True])
def test_nothing_is_left_beside_the_target(target: Path, failing: bool) -> None:
    if failing:
        with pytest.raises(RuntimeError), files.folder(target):
            raise RuntimeError
    else:
        with files.folder(target):
            pass
    assert names(target.parent) == [target.name]


def test_a_first_failure_leaves_no_target(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), files.folder(tmp_path / "a" / "b"):
        raise RuntimeError
    assert not (tmp_path / "a" / "b").exists()


def test_the_manifest_lists_every_file_but_the_measured_times(tmp_path: Path) -> None:
    with files.folder(tmp_path / "out") as fresh:
        (fresh / "deep" / "er").mkdir(parents=True)
        (fresh / "deep" / "er" / "ü <b>.bin").write_bytes(b"\0\1")
        (fresh / ".hidden").write_text("h")
        files.write_json(fresh / files.TIMING, {"seconds": 1.5})
    listed = files.read_manifest(tmp_path / "out")
    assert listed == {
        ".hidden": hashlib.sha256(b"h").hexdigest(),
        "deep/er/ü <b>.bin": hashlib.sha256(b"\0\1").hexdigest(),
    }


def test_equal_files_give_an_equal_manifest(tmp_path: Path) -> None:
    for name, order in (("a", "xyz"), ("b", "zyx")):
        with files.folder(tmp_path / name) as fresh:
            for letter in order:
                (fresh / letter).write_text(letter)
            files.write_json(fresh / files.TIMING, {"seconds": len(name) * id(order)})
    a, b = ((tmp_path / name / files.MANIFEST).read_bytes() for name in "ab")
    assert a == b


def test_a_folder_without_a_manifest_is_no_result(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="did not finish"):
        files.read_manifest(tmp_path)


def test_a_target_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match=r"could not write .*file/model"), files.folder(tmp_path / "file" / "model"):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_place_is_named(target: Path) -> None:
    before = contents(target)
    target.parent.chmod(0o555)
    try:
        with pytest.raises(PermissionError, match=f"could not write {target}"), files.folder(target):
            pass
    finally:
        target.parent.chmod(0o755)
    assert contents(target) == before


WRITERS: dict[str, Callable[[Path], object]] = {
    "array.npy": lambda path: np.save(path, np.ones(MOST)),
    "memmap.npy": lambda path: new_array(path, (8 * MOST,)),
    "weights.pt": lambda path: torch.save({"a": torch.ones(2 * MOST)}, path),
    "table.parquet": lambda path: pd.DataFrame({"a": np.random.default_rng(0).random(MOST)}).to_parquet(path),
    "table.csv": lambda path: pd.DataFrame({"a": range(MOST)}).to_csv(path),
    "picture.webp": lambda path: Image.fromarray(NOISE).save(path, lossless=True),
    "picture.png": lambda path: Image.fromarray(NOISE).save(path),
    "text.json": lambda path: files.write_json(path, "a" * 8 * MOST),
    "copy": lambda path: shutil.copyfile(path.parents[2] / "large", path),
    "tree/copy": lambda path: shutil.copytree(path.parents[3] / "folder", path.parent),
}
"""What stages write with; each tells of a full disk in words of its own, or in none."""


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_reported_with_the_file_and_the_space(tmp_path: Path, small_disk: SmallDisk, name: str) -> None:
    (tmp_path / "folder").mkdir()
    for large in ("large", "folder/copy"):
        (tmp_path / large).write_bytes(bytes(8 * MOST))
    disk = small_disk(tmp_path / "disk", MOST)
    target = disk / "out"
    with pytest.raises(OSError, match="could not write") as caught, files.folder(target) as fresh:
        WRITERS[name](fresh / name)
    assert caught.value.errno == errno.ENOSPC
    told = re.fullmatch(
        r"could not write (.+): No space left on device\. (.+) needs more than (.+), "
        r"and its disk has (13\d|12\d) kB free; free some space and run again",
        caught.value.strerror,
    )
    assert told is not None, str(caught.value)
    # Pillow takes a WebP away that it could not finish: then only the folder is known
    assert told[1].startswith(str(target if name == "picture.webp" else target / name))
    assert told[2] == str(target)
    if name == "memmap.npy":
        assert told[3] == "1.0 MB"
    assert names(disk) == []


def test_a_full_disk_elsewhere_is_not_taken_for_that_of_the_target(
    tmp_path: Path, small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = small_disk(tmp_path / "temporary", 2**13)
    (temporary / "filler").write_bytes(bytes(shutil.disk_usage(temporary).free))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with pytest.raises(OSError, match="free some space on the disk of ") as caught, files.folder(tmp_path / "out"):
        raise OSError(errno.ENOSPC, "No space left on device")  # as a write into a temporary file does
    assert "could not write" not in str(caught.value)


def test_a_disk_without_room_for_another_file_is_reported_so(tmp_path: Path, small_disk: SmallDisk) -> None:
    disk = small_disk(tmp_path / "disk", MOST, "nr_inodes=4")
    with pytest.raises(OSError, match=r"out of inodes"), files.folder(disk / "out") as fresh:
        [(fresh / str(index)).touch() for index in range(4)]
    assert names(disk) == []


def test_space_is_taken_before_it_is_needed(tmp_path: Path) -> None:
    files.reserve(tmp_path / "large", MOST)
    assert (tmp_path / "large").stat().st_blocks * 512 >= MOST
    files.reserve(tmp_path / "empty", 0)


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (1300, "1.3 kB"), (312_000_000, "312 MB"), (2**40, "1100 GB")]
)
def test_sizes_are_written_to_be_read(count: int, text: str) -> None:
    assert files.size(count) == text


def test_a_result_that_is_not_whole_has_no_manifest(target: Path) -> None:
    with files.folder(target, whole=False) as fresh:
        (fresh / "part").write_text("part")
    assert set(contents(target)) == {"part"}


def test_what_a_stage_cannot_read_is_reported_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"input\.npy") as caught, files.folder(tmp_path / "out"):
        (tmp_path / "input.npy").read_bytes()
    assert "could not write" not in str(caught.value)


def test_a_failing_rename_brings_the_old_folder_back(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, rename = contents(target), Path.rename

    def failing(self: Path, to: Path) -> Path:
        if self.name.endswith(".new"):
            raise OSError(errno.EIO, "Input/output error", str(self))
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="could not write"), files.folder(target):
        pass
    assert contents(target) == before


def test_two_writers_leave_one_whole_result(tmp_path: Path) -> None:
    with files.folder(tmp_path / "out") as first:
        (first / "who").write_text("first")
        with files.folder(tmp_path / "out") as second:
            (second / "who").write_text("second")
    assert (tmp_path / "out" / "who").read_text() == "first"
    assert names(tmp_path) == ["out"]


def test_json_holds_no_nan_and_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.write_json(path, {"b": 1, "a": "é"})
    before = path.read_bytes()
    with pytest.raises(ValueError):
        files.write_json(path, {"x": float("nan")})
    assert path.read_bytes() == before
    assert files.read_json(path) == {"a": "é", "b": 1}
    assert names(tmp_path) == ["a.json"]


def test_equal_values_give_equal_text() -> None:
    assert files.canonical({"b": [1, 2], "a": {"d": 1, "c": 2}}) == files.canonical(
        {"a": {"c": 2, "d": 1}, "b": (1, 2)}
    )
