"""Fill a page's template. Style sheet and script are inlined, and the content security policy allows these alone."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from darkroom.report.words import text
from darkroom.report.words.nouns import Worded, worded, worded_markup

TEMPLATES = Path(__file__).parent / "templates"


def filled(template: str, *, script: str = "", **content: Any) -> str:
    """Render a page of the report with its style sheet and its script."""
    page = environment(TEMPLATES).get_template(template)
    return page.render(**content, style=inlined("style.css"), script=script)


def environment(*folders: Path) -> jinja2.Environment:
    """Return the environment of templates in these folders, which escapes what it fills in and refuses unknown names."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[Worded],
    )
    made.globals["worded"] = worded_markup
    made.filters |= {
        "count": text.count,
        "listed": text.listed,
        "plural": text.plural,
        "digest": _digest,
        "worded": worded,
    }
    return made


def inlined(name: str, folder: Path = TEMPLATES) -> Markup:
    """Read a style sheet or script, to be inlined as it is."""
    return Markup((folder / name).read_text(encoding="utf-8"))


def _digest(inlined: str) -> str:
    """Return the hash by which the content security policy allows an inlined style sheet or script."""
    return base64.b64encode(hashlib.sha256(inlined.encode()).digest()).decode("ascii")
