"""A stage's folder is whole or absent."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from darkroom import files


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


def test_a_full_disk_is_told_with_the_target(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"could not write .*out: No space") as caught, files.folder(tmp_path / "out"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.errno == errno.ENOSPC


def test_what_a_stage_cannot_read_is_told_as_it_is(tmp_path: Path) -> None:
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
