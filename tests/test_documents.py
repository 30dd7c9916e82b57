"""The documents keep their promises: examples load, links lead somewhere, versions agree."""

from __future__ import annotations

import re
import textwrap
import tomllib
from pathlib import Path

import jsonschema
import pytest
import yaml

from darkroom.config import load as config

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = [
    pytest.param(textwrap.dedent(block), id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(
        re.findall(r"^ *```yaml\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    )
    if "\ndata:" in block
]


def test_the_readme_is_short_and_has_the_two_commands() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 150
    commands = [line.split("#")[0].strip() for line in lines]
    assert "pip install uv && uv run snakemake" in commands
    assert "pip install uv && uv run pytest" in commands


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_whole_config_in_the_documents_loads(text: str, editor: jsonschema.protocols.Validator) -> None:
    raw = yaml.safe_load(text)
    config.load(raw, path="example", need_data=False)
    editor.validate(raw)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 8


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_files_lead_somewhere(page: Path) -> None:
    """Sphinx checks the pages of the site once more, with their anchors; the README is not one of them."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        found = (page.parent / name).resolve() if name else page
        assert found.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", found.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, target


def test_every_page_is_in_the_navigation() -> None:
    entries = re.findall(
        r"^(?:.*<)?/?([\w/-]+)>?$", (ROOT / "docs" / "index.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"} <= set(entries)


def test_versions_agree() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == version
    assert (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").startswith(f"# Changelog\n\n## {version}")


def test_equations_name_tests_that_exist() -> None:
    """A row names its tests by a file and parts of their names; a part without a file is in the file named last."""
    text, missing = "", []
    for cell in re.findall(r"`([^`\n]+)`", (ROOT / "docs" / "equations.md").read_text(encoding="utf-8")):
        if cell.endswith(".py"):
            text = (ROOT / "tests" / cell).read_text(encoding="utf-8")
        elif "_" in cell and not re.search(rf"def test_\w*{cell}", text):
            missing.append(cell)
    assert missing == []
