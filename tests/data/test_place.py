import hashlib
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from darkroom.data import place


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


def packed(source: Path, archive: Path) -> Path:
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "w") as opened:
            for path in sorted(source.rglob("*")):
                opened.write(path, path.relative_to(source))
    else:
        with tarfile.open(archive, "w:gz") as opened_tar:
            opened_tar.add(source, ".")
    return archive


def test_a_folder_is_read_in_place_and_written_down(raw: Path, classes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(classes.parent)
    place.bring(raw, "set", None)
    assert [path.name for path in raw.iterdir()] == [place.SEEN]
    seen = json.loads((raw / place.SEEN).read_text("utf-8"))
    assert seen["path"] == "set"
    assert len(seen["files"]) == 20
    assert seen["files"]["cat/01.png"] == hashlib.sha256((classes / "cat/01.png").read_bytes()).hexdigest()
    assert place.listing(raw, "set").path("cat/01.png").is_file()


@pytest.mark.parametrize("ending", [".zip", ".tgz"])
@pytest.mark.parametrize("scheme", ["path", "file", "http"])
def test_an_archive_from_anywhere(raw: Path, classes: Path, served: tuple[Path, str], ending: str, scheme: str) -> None:
    archive = packed(classes, served[0] / f"some set{ending}")
    address = {
        "path": str(archive),
        "file": archive.as_uri(),
        "http": f"{served[1]}/some%20set{ending}?version=1",
    }[scheme]
    place.bring(raw, address, hashlib.sha256(archive.read_bytes()).hexdigest().upper())
    assert [path.name for path in raw.iterdir()] == [place.KEPT]
    listing = place.listing(raw, address)
    assert len(listing.names) == 20
    assert listing.names == tuple(sorted(listing.names))
    assert listing.folders == ("cat", "dog")


def test_a_download_that_is_no_archive_is_kept(raw: Path, served: tuple[Path, str]) -> None:
    (served[0] / "table.csv").write_text("a")
    place.bring(raw, f"{served[1]}/table.csv", None)
    assert place.listing(raw, "").names == ("table.csv",)


@pytest.mark.parametrize(
    ("path", "sha256", "message"),
    [
        ("nowhere", None, "data.source.path: there is no file or folder nowhere"),
        ("st", None, 'Did you mean "set"?'),
        ("ftp://host/x.zip", None, "data.source.path: ftp://host/x.zip: expected a local path or a URL"),
        ("set", "0" * 64, "data.source.sha256: set is a folder"),
        ("set/cat/01.png", "0" * 64, "data.source.sha256: set/cat/01.png has the sha256"),
        ("no.zip", None, "named like an archive"),
        ("{url}/gone.zip", None, "could not download .*404"),
        ("{url}/short", None, "ended after 9 of 100 bytes|could not download"),
        ("http://127.0.0.1:1/x.zip", None, "could not download"),
        ("file:///nowhere/x.zip", None, "could not download"),
    ],
)
def test_what_cannot_be_had_names_the_key(
    raw: Path,
    classes: Path,
    served: tuple[Path, str],
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    sha256: str | None,
    message: str,
) -> None:
    monkeypatch.chdir(classes.parent)
    Path("no.zip").write_text("no archive")
    with pytest.raises(ValueError, match=message):
        place.bring(raw, path.format(url=served[1]), sha256)
    assert list(raw.iterdir()) == []


def test_an_evil_archive_names_the_key(raw: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("../evil", "x")
    with pytest.raises(ValueError, match=r"data\.source\.path: .*evil\.zip: the member name '\.\./evil' leads out"):
        place.bring(raw, str(tmp_path / "evil.zip"), None)


def test_what_systems_leave_behind_is_passed_over(raw: Path, classes: Path) -> None:
    system = ("@eaDir/cat/01.png", "cat/@eaDir/01.png", "$RECYCLE.BIN/1.png", "lost+found/1.png", ".thumbnails/1.png")
    notebooks = (".ipynb_checkpoints/1.png", "cat/.ipynb_checkpoints/01-checkpoint.png")
    left = (".DS_Store", "cat/Thumbs.db", "dog/desktop.ini", "__MACOSX/cat/._01.png", ".git/config")
    for name in (*left, *system, *notebooks):
        (classes / name).parent.mkdir(exist_ok=True, parents=True)
        (classes / name).write_text("x")
    place.bring(raw, str(classes), None)
    listing = place.listing(raw, str(classes))
    assert len(listing.names) == 20
    assert listing.folders == ("cat", "dog")
    assert listing.unused == ()
    hidden = (".ipynb_checkpoints", ".thumbnails")
    assert listing.skipped == (
        "$RECYCLE.BIN", *hidden, "@eaDir", "__MACOSX", "cat/.ipynb_checkpoints", "cat/@eaDir", "lost+found",
    )  # fmt: skip


def test_an_alias_takes_nothing_from_its_folder(raw: Path, classes: Path) -> None:
    (classes / "a_link_first").symlink_to(classes / "cat")
    (classes / "dog" / "inside").symlink_to(classes / "cat")
    (classes / ".kept").mkdir()
    (classes / "cat" / "01.png").rename(classes / ".kept" / "01.png")
    (classes / "emu").symlink_to(classes / ".kept")
    place.bring(raw, str(classes), None)
    listing = place.listing(raw, str(classes))
    assert listing.folders == ("cat", "dog", "emu")
    assert len(listing.names) == 20
    assert [unused.origin for unused in listing.unused] == ["a_link_first", "dog/inside"]


def test_links_are_followed_once_and_odd_files_listed(raw: Path, classes: Path, picture: Callable[..., Path]) -> None:
    picture(classes.parent / "elsewhere" / "a.png", 99)
    (classes / "linked").symlink_to(classes.parent / "elsewhere")
    (classes / "cat" / "circle").symlink_to(classes)
    (classes / "cat" / "broken.png").symlink_to("nothing")
    place.bring(raw, str(classes), None)
    listing = place.listing(raw, str(classes))
    assert "linked/a.png" in listing.names
    assert len(listing.names) == 21
    assert dict(listing.unused) == {
        "cat/circle": "a link to a folder that is read already",
        "cat/broken.png": "a link to nothing",
    }


def test_single_folders_at_the_top_are_entered(raw: Path, classes: Path) -> None:
    outer = classes.parent / "outer"
    (outer / "wrapped").mkdir(parents=True)
    classes.rename(outer / "wrapped" / "deeper")
    (outer / "README").write_text("x")
    listing = place.listing(raw, str(outer)).descend(stop=("cat",))
    assert listing.folders == ("cat", "dog")
    assert listing.path("cat/01.png").is_file()
    assert [note.origin for note in listing.unused] == ["README"]
