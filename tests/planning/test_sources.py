"""Which files a plan takes for a source's: those that a table names, and no other ones beside it."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from darkroom.planning.sources import Sources
from darkroom.registry import options

ROWS = pd.DataFrame(
    {"path": ["a.png", "b c.png"], "label": ["x", "y"], "mask": ["", "m/a.png"], "note": ["own.txt", ""]}
)
WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    "list.csv": lambda rows, path: rows.to_csv(path, index=False, encoding="utf-8-sig"),
    "list.tsv": lambda rows, path: rows.to_csv(path, index=False, sep="\t"),
    "list.parquet": lambda rows, path: rows.to_parquet(path),
}


@pytest.fixture(params=WRITERS)
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A table in a project folder, with the files that it names; returns the table."""
    (tmp_path / "m").mkdir()
    for name in ("a.png", "b c.png", "m/a.png", "own.txt"):
        (tmp_path / name).write_text(name)
    table: Path = tmp_path / request.param
    WRITERS[request.param](ROWS, table)
    return table


def fingerprint(table: Path) -> str | None:
    source = options("source", "manifest").model_validate({"name": "manifest", "path": str(table)})
    return Sources(source, table.with_name(".cache.json")).fingerprint


def test_results_beside_a_table_change_nothing_and_the_files_that_it_names_do(project: Path) -> None:
    root, before = project.parent, fingerprint(project)
    (root / "results").mkdir()
    (root / "results" / "report.html").write_text("new")
    (root / "own.txt").write_text("another column")
    assert fingerprint(project) == before
    for name in ("a.png", "b c.png", "m/a.png"):
        kept = (root / name).read_text()
        (root / name).write_text("changed")
        assert fingerprint(project) != before
        (root / name).unlink()
        assert fingerprint(project) != before
        (root / name).write_text(kept)
        assert fingerprint(project) == before
    WRITERS[project.name](ROWS.iloc[:1], project)
    assert fingerprint(project) != before


@pytest.mark.parametrize("content", ["", "label,note\nx,y\n", "path\n\x00\n", '"path,label'])
def test_a_table_that_names_nothing_is_still_watched_itself(content: str, tmp_path: Path) -> None:
    table = tmp_path / "list.csv"
    table.write_text(content)
    before = fingerprint(table)
    table.write_text(content + "more")
    assert fingerprint(table) != before


@pytest.mark.parametrize("root", [True, False])
def test_an_archive_with_the_table_is_watched_with_the_folder_of_its_images(root: bool, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_text("a")
    archive = tmp_path / "list.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("list.csv", "path,label\na.png,x\n")
    more = {"root": str(tmp_path / "images")} if root else {}
    source = options("source", "manifest").model_validate({"name": "manifest", "path": str(archive), **more})

    def seen() -> str | None:
        return Sources(source, tmp_path / ".cache.json").fingerprint

    before = seen()
    (tmp_path / "images" / "a.png").write_text("changed")
    assert (seen() != before) == root
    archive.write_bytes(b"changed")
    assert seen() != before
