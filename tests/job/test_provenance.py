"""What changes a code hash or a fingerprint, and what does not."""

from __future__ import annotations

import ast
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from darkroom.data.place import local_files
from darkroom.job import provenance

STAGE = '''"""A stage."""
from __future__ import annotations
from typing import TYPE_CHECKING

from darkroom.middle import half

if TYPE_CHECKING:
    from darkroom.typed import Thing

def run(x: Thing) -> int:
    """Run."""
    from darkroom.late import grow  # inside a function
    return grow(half(x))
'''
SOURCES = {
    "__init__.py": "",
    "stage.py": STAGE,
    "middle.py": "import darkroom.deep.leaf as leaf\n\ndef half(x):\n    return leaf.half(x)\n",
    "late.py": "def grow(x):\n    return x + 1\n",
    "typed.py": "class Thing: ...\n",
    "other.py": "def other():\n    return 1\n",
    "deep/__init__.py": "",
    "deep/leaf.py": "import math\nimport numpy as np\n\ndef half(x):\n    return np.floor(x / 2)\n",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A small package called darkroom in place of the real one."""
    root = tmp_path / "darkroom"
    for name, text in SOURCES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    monkeypatch.setattr(provenance, "ROOT", root)
    yield root
    forget()


def forget() -> None:
    for cached in vars(provenance).values():
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()


def code() -> str:
    forget()
    return provenance.code(["darkroom.stage"])


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("stage.py", "# inside a function", "# another comment"),
        ("stage.py", '"""Run."""', '"""Run it.\n\n    At length.\n    """'),
        ("stage.py", '"""A stage."""', '"""Another text."""'),
        ("deep/leaf.py", "np.floor(x / 2)", "np.floor(\n        x/2,\n    )"),
        ("deep/leaf.py", "def half", "\n\n\ndef half"),
        ("late.py", "return x + 1", "return (x + 1)"),
        ("typed.py", "class Thing: ...", "class Thing:\n    a: int = 1"),
        ("other.py", "return 1", "return 2"),
    ],
)
def test_what_changes_no_code_changes_no_hash(package: Path, name: str, old: str, new: str) -> None:
    before = code()
    edit(package / name, old, new)
    assert code() == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("stage.py", "grow(half(x))", "half(grow(x))"),
        ("middle.py", "leaf.half(x)", "leaf.half(x + 1)"),
        ("late.py", "x + 1", "x + 2"),
        ("deep/leaf.py", "x / 2", "x / 3"),
        ("deep/leaf.py", "x / 2", "x // 2"),
        ("__init__.py", "", "import os\nos.environ['A'] = 'b'\n"),
        ("deep/__init__.py", "", "SCALE = 2\n"),
    ],
)
def test_a_real_change_in_anything_imported_changes_the_hash(package: Path, name: str, old: str, new: str) -> None:
    before = code()
    edit(package / name, old, new)
    assert code() != before


def test_a_description_of_an_option_is_no_code(package: Path) -> None:
    (package / "late.py").write_text("def grow(x: Annotated[int, Field(ge=1, description='how far')] = 1): return x\n")
    before = code()
    edit(package / "late.py", "how far", "how far it goes")
    assert code() == before
    edit(package / "late.py", "ge=1", "ge=2")
    assert code() != before


def test_a_new_import_brings_its_module_in(package: Path) -> None:
    before = code()
    edit(package / "late.py", "def grow", "import darkroom.other\n\ndef grow")
    with_other = code()
    assert with_other != before
    edit(package / "other.py", "return 1", "return 2")
    assert code() != with_other


def test_the_closure_is_what_is_imported(package: Path) -> None:
    forget()
    covered = provenance.closure(frozenset(["darkroom.stage"]))
    assert set(covered) == {f"darkroom{n}" for n in ("", ".stage", ".middle", ".late", ".deep", ".deep.leaf")}


def test_libraries_are_those_imported_and_no_standard_ones(package: Path) -> None:
    forget()
    assert set(provenance.libraries(["darkroom.stage"])) == {"numpy"}
    assert provenance.libraries(["darkroom.other"]) == {}


def test_templates_beside_a_module_belong_to_it(package: Path) -> None:
    before = code()
    (package / "deep" / "page.html").write_text("<p>")
    with_page = code()
    assert with_page != before
    (package / "deep" / "page.html").write_text("<div>")
    assert code() != with_page


@pytest.mark.parametrize(
    ("name", "old", "new", "changed"),
    [
        ("stage.py", "grow(half(x))", "half(grow(x))", {"run"}),
        ("late.py", "def grow", "class Slow:\n    def grow(self): ...\n\ndef grow", {"Slow", "Slow.grow"}),
        ("deep/__init__.py", "", "SCALE = 2\n", {""}),
        ("deep/leaf.py", "np.floor(x / 2)", "np.floor(\n        x/2,\n    )", set()),
        ("middle.py", "def half", "def other(x):\n    return 1\n\n@other\ndef half", {"other", "half"}),
    ],
)
def test_definitions_tell_which_function_changed(
    package: Path, name: str, old: str, new: str, changed: set[str]
) -> None:
    forget()
    before = provenance.definitions(["darkroom.stage"])
    edit(package / name, old, new)
    forget()
    after = provenance.definitions(["darkroom.stage"])
    assert {file for file in after if after[file] != before[file]} == ({name} if changed else set())
    assert {n for n in after[name] if after[name][n] != before[name].get(n)} == changed


def test_every_change_of_the_code_shows_in_the_record(package: Path) -> None:
    forget()
    before = provenance.record({}, ["darkroom.stage"])
    (package / "deep" / "page.html").write_text("<p>")
    forget()
    after = provenance.record({}, ["darkroom.stage"])
    assert after["code"] != before["code"]
    assert after["definitions"].keys() - before["definitions"].keys() == {"deep/page.html"}


def test_what_was_read_out_of_the_code_is_kept_and_changes_nothing(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget()
    before = provenance.record({}, ["darkroom.stage"])
    assert not provenance._known_facts()["changed"]
    monkeypatch.setattr(provenance, "YOUNG", 0)
    forget()
    provenance.code(["darkroom.stage"])
    monkeypatch.setattr(provenance.ast, "parse", lambda *_: pytest.fail("read again"))
    forget()
    assert provenance.record({}, ["darkroom.stage"]) == before
    monkeypatch.undo()
    monkeypatch.setattr(provenance, "ROOT", package)
    provenance._facts_file().write_text("{")
    forget()
    assert provenance.record({}, ["darkroom.stage"]) == before


def test_every_library_that_the_project_imports_has_a_version() -> None:
    forget()
    root = Path(provenance.__file__).parents[1]
    names = [".".join(("darkroom", *p.relative_to(root).with_suffix("").parts)) for p in root.rglob("*.py")]
    versions = provenance.libraries(names)
    assert {"torch", "numpy", "yaml", "PIL"} <= set(versions)
    assert all(version[0].isdigit() for version in versions.values())


def test_all_imports_of_darkroom_are_absolute() -> None:
    """The closure follows absolute imports only."""
    relative = [
        f"{path.name}:{node.lineno}"
        for path in Path(provenance.__file__).parents[1].rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative


# --- fingerprints of sources


@pytest.fixture
def images(tmp_path: Path) -> Path:
    root = tmp_path / "images"
    for name in ("cat/1.png", "cat/2.png", "dog/1.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def fingerprint(root: Path) -> str:
    return provenance.source_fingerprint(local_files(root), root.parent / "cache" / "fingerprint.json")


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
