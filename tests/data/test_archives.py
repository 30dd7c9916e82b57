import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from darkroom.data import archives
from darkroom.data.archives import ArchiveError, Limits, unpack


def make_zip(path: Path, members: dict[str, bytes], modes: dict[str, int] | None = None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = ((modes or {}).get(name, stat.S_IFREG | 0o644)) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return path


def make_tar(path: Path, members: list[tuple[tarfile.TarInfo, bytes]], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def entry(name: str, kind: bytes = tarfile.REGTYPE, to: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


def tree(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tar_of_any_compression_unpacks(tmp_path: Path, mode: str) -> None:
    made = make_tar(tmp_path / "archive", [(entry("a/b.txt"), b"one"), (entry("./a/c.txt"), b"two")], mode)
    assert archives.kind(made) == "tar"
    unpack(made, tmp_path / "out")
    assert tree(tmp_path / "out") == {"a/b.txt": b"one", "a/c.txt": b"two"}


def test_zip_unpacks_with_either_separator(tmp_path: Path) -> None:
    made = make_zip(tmp_path / "archive", {"a/b.txt": b"one", "a\\c.txt": b"two", "d/": b""})
    assert archives.kind(made) == "zip"
    unpack(made, tmp_path / "out")
    assert tree(tmp_path / "out") == {"a/b.txt": b"one", "a/c.txt": b"two"}
    assert (tmp_path / "out" / "d").is_dir()


def test_other_files_are_no_archives(tmp_path: Path) -> None:
    for content in (b"", b"PK", b"PKzzz" * 99, b"\x1f\x8b broken", b"BZh9 broken", bytes(2048)):
        (tmp_path / "file").write_bytes(content)
        assert archives.kind(tmp_path / "file") is None


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/evil", "\\evil", "C:\\evil", "c:/evil", "..\\evil", "."])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str, kind: str) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    if kind == "zip":
        made = make_zip(outer / "archive", {name: b"evil"})
    else:
        made = make_tar(outer / "archive", [(entry(name), b"evil")])
    with pytest.raises(ArchiveError, match="leads out of the archive"):
        unpack(made, outer / "inner" / "out")
    assert set(tree(tmp_path)) == {"outer/archive"}


@pytest.mark.parametrize("to", ["/etc/passwd", "../outside", "a/../../outside", "\\evil"])
@pytest.mark.parametrize("kind", ["zip", "symlink", "hardlink"])
def test_links_that_lead_out_are_refused(tmp_path: Path, to: str, kind: str) -> None:
    (tmp_path / "outside").write_bytes(b"secret")
    if kind == "zip":
        made = make_zip(tmp_path / "archive", {"link": to.encode()}, {"link": stat.S_IFLNK | 0o777})
    else:
        made = make_tar(
            tmp_path / "archive", [(entry("link", tarfile.SYMTYPE if kind == "symlink" else tarfile.LNKTYPE, to), b"")]
        )
    with pytest.raises(ArchiveError, match="out of the archive"):
        unpack(made, tmp_path / "out")
    assert tree(tmp_path / "out") == {}


def test_a_file_through_a_linked_folder_stays_inside(tmp_path: Path) -> None:
    members = [(entry("door", tarfile.SYMTYPE, "room"), b""), (entry("room/a"), b"one"), (entry("door/b"), b"two")]
    with pytest.raises(ArchiveError):
        unpack(make_tar(tmp_path / "archive", members), tmp_path / "out")


def test_links_inside_become_copies(tmp_path: Path) -> None:
    members = [
        (entry("x/second", tarfile.SYMTYPE, "../first"), b""),
        (entry("first", tarfile.LNKTYPE, "x/file"), b""),
        (entry("x/file"), b"content"),
    ]
    unpack(make_tar(tmp_path / "archive", members), tmp_path / "out")
    assert tree(tmp_path / "out") == dict.fromkeys(["first", "x/file", "x/second"], b"content")
    assert not any(path.is_symlink() for path in (tmp_path / "out").rglob("*"))


def test_links_in_a_circle_and_devices_are_refused(tmp_path: Path) -> None:
    circle = [(entry("a", tarfile.SYMTYPE, "b"), b""), (entry("b", tarfile.SYMTYPE, "a"), b"")]
    with pytest.raises(ArchiveError, match="not a file in the archive"):
        unpack(make_tar(tmp_path / "circle", circle), tmp_path / "out")
    for kind in (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE):
        with pytest.raises(ArchiveError, match="neither file"):
            unpack(make_tar(tmp_path / "device", [(entry("d", kind), b"")]), tmp_path / f"out{kind!r}")


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="twice"):
        unpack(make_tar(tmp_path / "a", [(entry("x"), b"1"), (entry("x"), b"2")]), tmp_path / "out")
    with pytest.raises(ArchiveError, match="below another file"):
        unpack(make_tar(tmp_path / "b", [(entry("x"), b"1"), (entry("x/y"), b"2")]), tmp_path / "out2")


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_bomb_is_refused_before_it_fills_the_disk(tmp_path: Path, kind: str) -> None:
    zeros = bytes(5 << 20)
    made = (
        make_zip(tmp_path / "bomb", {"zeros": zeros})
        if kind == "zip"
        else make_tar(tmp_path / "bomb", [(entry("zeros"), zeros)], "w:gz")
    )
    with pytest.raises(ArchiveError, match="decompression bomb"):
        unpack(made, tmp_path / "out", Limits(ratio=100, allowance=2 << 20))
    assert sum(map(len, tree(tmp_path / "out").values())) <= 2 << 20
    unpack(made, tmp_path / "allowed", Limits(ratio=100, allowance=8 << 20))


def test_sizes_and_counts_are_limited(tmp_path: Path) -> None:
    made = make_zip(tmp_path / "archive", {"a": b"12345", "b": b"67890"})
    for limits, message in (
        (Limits(total=9), "more than 9 bytes"),
        (Limits(file=4), "a unpacks to more than 4 bytes"),
        (Limits(members=1), "more than 1 members"),
    ):
        with pytest.raises(ArchiveError, match=message):
            unpack(made, tmp_path / message, limits)


def test_a_huge_tar_header_is_not_read_into_memory(tmp_path: Path) -> None:
    info = entry("x", tarfile.XHDTYPE)
    info.size = 1 << 40
    (tmp_path / "archive").write_bytes(info.tobuf() + bytes(1024))
    with pytest.raises(ArchiveError, match="header"):
        unpack(tmp_path / "archive", tmp_path / "out")


def test_damaged_archives_say_so(tmp_path: Path) -> None:
    whole = make_tar(tmp_path / "whole", [(entry("a"), bytes(range(256)) * 400)], "w:gz").read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArchiveError, match="damaged"):
        unpack(tmp_path / "cut", tmp_path / "out")
    made = bytearray(make_zip(tmp_path / "zip", {"a": bytes(range(256)) * 40}).read_bytes())
    made[60] ^= 0xFF
    (tmp_path / "zip").write_bytes(made)
    with pytest.raises(ArchiveError, match="damaged"):
        unpack(tmp_path / "zip", tmp_path / "out2")
