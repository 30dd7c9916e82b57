"""Read a built page: its elements, its findings, its tables."""

from __future__ import annotations

import re
from html.parser import HTMLParser

NASTY = ("<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "a\nb'c & d", "日本 ünï 🎞", "{{ 7*7 }}")
"""Names that must stay inert on a page."""


class Page(HTMLParser):
    """The elements of a page with their attributes, its text, and whether every element is closed."""

    VOID = {"meta", "link", "img", "br", "hr"}

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def tags(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag == name]

    def ids(self) -> set[str | None]:
        return {attributes["id"] for tag, attributes in self.elements if tag in ("section", "header")}


def findings(page: str) -> dict[str, list[str]]:
    """The answer's sentences by topic, each with its verdict first."""
    found: dict[str, list[str]] = {}
    pattern = (
        r'<span class="topic">(.*?)</span><span class="verdict \w+">(.*?)</span><span class="words">(.*?)</span></li>'
    )
    for topic, verdict, words in re.findall(pattern, page):
        found.setdefault(topic, []).append(f"{verdict}: {re.sub('<.*?>', '', words)}")
    return found


def table_of(page: str, label: str) -> list[list[str]]:
    """The body of a table as text, row by row."""
    body = page[page.index(f'aria-label="{label}"') :].split("<tbody>")[1].split("</tbody>")[0]
    rows = re.findall(r"<tr.*?</tr>", body, re.DOTALL)
    return [
        [" ".join(re.sub("<.*?>", " ", found).split()) for found in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)]
        for row in rows
    ]
