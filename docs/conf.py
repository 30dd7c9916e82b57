"""Sphinx: `uv run --group docs sphinx-build -W -c docs . docs/_build` writes the site to docs/_build.

The source directory is the root of the repository, so that one set of Markdown files with one set of relative links
serves both the code host and the site.
"""

import re
import shutil
from collections.abc import Iterator
from importlib.metadata import version as installed
from itertools import groupby
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

shutil.rmtree(Path(__file__).parent / "api" / "generated", ignore_errors=True)  # stubs of modules that have moved since

project = "Darkroom"
author = copyright = "The Darkroom maintainers"
version = release = installed("darkroom")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary"]
root_doc = "docs/index"
include_patterns = ["docs/**", "*.md", "config/README.md", "benchmarks/README.md"]
exclude_patterns = ["README.md", "docs/_build", ".*", "data", "results", "src", "tests"]
suppress_warnings = ["ref.python"]  # types are named in signatures by their last part, which several modules share

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4

default_role = "code"
autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True, "exclude-members": "model_config,Name"}
autodoc_inherit_docstrings = False  # torch and pydantic document what they are inherited from
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True

templates_path = ["_templates"]
html_theme = "furo"
html_title = f"Darkroom {version}"
html_extra_path = ["_redirect"]
html_copy_source = False
html_show_sphinx = False


def setup(app: Sphinx) -> None:
    """Register the reader of docstrings and a navigation that shows a page's own branch only."""
    app.connect("autodoc-process-docstring", lambda *given: _read_docstring(given[-1]))
    app.connect("html-page-context", lambda *given: _collapse(given[3]), priority=400)  # before the theme's


def _collapse(context: dict[str, Any]) -> None:
    """Leave the branches of other pages out of the navigation: hundreds of links per page take most of the build's time."""
    if whole := context.get("toctree"):
        context["toctree"] = lambda **options: whole(**options | {"collapse": True})


def _read_docstring(lines: list[str]) -> None:
    """Turn a docstring, which is Markdown with aligned columns and indented code, into reStructuredText."""
    lines[:] = [line for literal, block in groupby(lines, _is_literal) for line in _block(literal, list(block))]


def _is_literal(line: str) -> bool:
    return bool(re.match(r" +(?!- )\S|.*\S {2,}\S", line)) and not re.match(r" {2}\S", line)


def _block(literal: bool, lines: list[str]) -> Iterator[str]:
    if literal:
        yield from ("", "::", "", *(f"    {line}" for line in lines), "")
    else:
        # outside of `code`, asterisks, bars and trailing underscores are text
        yield from (re.sub(r"(`[^`]*`)|([*|\\]|_\b)", lambda m: m[1] or f"\\{m[2]}", line) for line in lines)
