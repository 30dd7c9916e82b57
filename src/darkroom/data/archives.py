"""Unpack untrusted archives: nothing is written outside the folder, and decompression bombs are refused."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

from darkroom.data.item import readable

BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
)
"""What the archive libraries raise on damaged, encrypted or unknown archives, besides OSError without errno."""


@dataclass(frozen=True)
class Limits:
    """How much an archive may unpack to."""

    total: int = 256 << 30
    """Total bytes."""
    file: int = 16 << 30
    """Bytes per file."""
    members: int = 10_000_000
    ratio: int = 200
    """Unpacked over packed size, checked beyond `allowance` bytes."""
    allowance: int = 64 << 20


class ArchiveError(ValueError):
    """A refused or damaged archive."""


def kind(path: Path) -> str | None:
    """Return `zip`, `tar` (plain, gz, bz2 or xz) or None, by the file's content."""
    with path.open("rb") as stream:
        head = stream.read(4)
    if head[:2] == b"PK" and zipfile.is_zipfile(path):
        return "zip"
    try:
        with _decompressed(path) as stream:
            tarfile.TarInfo.frombuf(stream.read(tarfile.BLOCKSIZE), "utf-8", "surrogateescape")
    except (*BROKEN, OSError):
        return None
    return "tar"


def unpack(archive: Path, target: Path, limits: Limits = Limits()) -> None:
    """Unpack a zip or tar into the new folder `target`.

    Raises ArchiveError before a member is written if its name is absolute, contains `..` or leaves the folder; for links
    that point outside or to nothing; for devices; for two members of one name; and as soon as more bytes come out than the
    limits allow, whatever the archive declares.
    """
    target.mkdir(parents=True)
    budget = Budget(archive.stat().st_size, limits)
    try:
        if kind(archive) == "zip":
            with zipfile.ZipFile(archive) as opened:
                _unpack_zip(opened, target, budget)
        else:
            with _decompressed(archive) as stream, tarfile.open(fileobj=_ShortReads(stream), mode="r:") as opened_tar:
                _unpack_tar(opened_tar, target, budget)
    except BROKEN as error:
        raise ArchiveError(f"damaged archive: {error}") from None
    except OSError as error:
        if error.errno is None:  # bz2 reports damage like this
            raise ArchiveError(f"damaged archive: {error}") from None
        raise


class Budget:
    """Counts what comes out of an archive and stops at the limits; `packed` is the archive's size in bytes."""

    def __init__(self, packed: int, limits: Limits = Limits()) -> None:
        self.packed, self.limits = packed, limits
        self.total = self.members = 0

    def spend(self, count: int) -> None:
        """Count unpacked bytes. Raises ArchiveError beyond a limit."""
        self.total += count
        if self.total > self.limits.total:
            raise ArchiveError(f"unpacks to more than {self.limits.total:,} bytes")
        if self.total > max(self.limits.allowance, self.limits.ratio * self.packed):
            raise ArchiveError(
                f"unpacks to more than {self.limits.ratio} times its size: refused as a decompression bomb"
            )

    def member(self) -> None:
        """Count one more member. Raises ArchiveError beyond the limit."""
        self.members += 1
        if self.members > self.limits.members:
            raise ArchiveError(f"has more than {self.limits.members:,} members")

    def copy(self, source: IO[bytes], path: Path) -> None:
        """Write a stream to a new file, a megabyte at a time. Raises ArchiveError beyond a limit."""
        written = 0
        with path.open("xb") as out:
            while block := source.read(1 << 20):
                written += len(block)
                if written > self.limits.file:
                    raise ArchiveError(f"{path.name} unpacks to more than {self.limits.file:,} bytes")
                self.spend(len(block))
                out.write(block)


def _decompressed(path: Path) -> IO[bytes]:
    with path.open("rb") as stream:
        head = stream.read(6)
    if head.startswith(b"\x1f\x8b"):
        return cast("IO[bytes]", gzip.open(path))
    if head.startswith(b"BZh"):
        return bz2.open(path)
    return lzma.open(path) if head.startswith(b"\xfd7zXZ") else path.open("rb")


class _ShortReads(io.RawIOBase):
    """A stream that refuses large reads: tarfile reads an extended header whole, whatever size it declares."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= 64 << 20:
            raise ArchiveError(f"a header of {size:,} bytes")
        return self.stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self.stream.seek(offset, whence)

    def tell(self) -> int:
        return self.stream.tell()


def _unpack_zip(archive: zipfile.ZipFile, target: Path, budget: Budget) -> None:
    links: list[tuple[str, str]] = []
    for info in archive.infolist():
        budget.member()
        name, mode = info.filename, info.external_attr >> 16
        if info.is_dir():
            _inside(target, name).mkdir(parents=True, exist_ok=True)
        elif stat.S_ISLNK(mode):
            links.append((name, archive.read(info).decode("utf-8", "replace") if info.file_size < 4096 else ""))
        elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise ArchiveError(f"{name!r} is neither file, folder nor link")
        else:
            with archive.open(info) as stream:
                budget.copy(stream, _place(target, name))
    _copy_links(links, target, budget)


def _unpack_tar(archive: tarfile.TarFile, target: Path, budget: Budget) -> None:
    links: list[tuple[str, str]] = []
    for info in archive:
        budget.member()
        if info.isdir():
            _inside(target, info.name).mkdir(parents=True, exist_ok=True)
        elif info.issym():
            links.append((info.name, info.linkname))
        elif info.islnk():
            links.append((info.name, "/".join([".."] * (len(_parts(info.name)) - 1) + [info.linkname])))
        elif info.isfile():
            stream = archive.extractfile(info)
            assert stream is not None
            with stream:
                budget.copy(stream, _place(target, info.name))
        else:
            raise ArchiveError(f"{info.name!r} is neither file, folder nor link")
    _copy_links(links, target, budget)


def _copy_links(links: list[tuple[str, str]], target: Path, budget: Budget) -> None:
    """Copy the file that a link points to into the link's place; links are never created. Links may point to links."""
    waiting = [(name, _pointed(name, to)) for name, to in links]
    while waiting:
        ready = [(name, to) for name, to in waiting if _inside(target, to).is_file()]
        if not ready:
            name, to = waiting[0]
            raise ArchiveError(f"{name!r} is a link to {to!r}, which is not a file in the archive")
        for name, to in ready:
            with _inside(target, to).open("rb") as stream:
                budget.copy(stream, _place(target, name))
        waiting = [link for link in waiting if link not in ready]


def _pointed(name: str, to: str) -> str:
    """Return the member that a link's relative target means. Raises ArchiveError if it is outside."""
    parts = _parts(name)[:-1]
    if to.startswith(("/", "\\")) or not to:
        raise ArchiveError(f"{name!r} is a link out of the archive, to {to!r}")
    for part in PurePosixPath(to.replace("\\", "/")).parts:
        if part == "..":
            if not parts:
                raise ArchiveError(f"{name!r} is a link out of the archive, to {to!r}")
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _place(target: Path, name: str) -> Path:
    """Return where a file goes and create its folder. Raises ArchiveError if something is there already."""
    path = _inside(target, name)
    if path == target:
        raise ArchiveError(f"the member name {name!r} leads out of the archive")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ArchiveError(f"{name!r} is below another file of the archive") from None
    if path.exists():
        raise ArchiveError(f"{name!r} is in the archive twice")
    return path


def _inside(target: Path, name: str) -> Path:
    return target.joinpath(*_parts(name))


def _parts(name: str) -> list[str]:
    """Return the parts of a member's name. Raises ArchiveError if they lead out of the folder."""
    unified = readable(name).replace("\\", "/")
    parts = [part for part in unified.split("/") if part not in ("", ".")]
    drive = len(unified) > 1 and unified[1] == ":" and unified[0].isalpha()
    if unified.startswith("/") or drive or ".." in parts or "\0" in unified:
        raise ArchiveError(f"the member name {name!r} leads out of the archive")
    return parts
