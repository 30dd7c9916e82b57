"""The page names the samples of its data set, in its own words and not in those of the user."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from darkroom import files
from darkroom.report.words.nouns import naming, worded
from darkroom.report.words.text import plural, say


def test_sentences_name_the_samples_and_leave_names_alone() -> None:
    assert worded("Images: an image of the images") == "Images: an image of the images"
    with naming("recording", "recordings"):
        assert worded("Images: an image of the images") == "Recordings: a recording of the recordings"
        assert worded('<p class="image">An image</p>') == '<p class="image">A recording</p>'
        assert say("the images of {}", "image") == "the recordings of image"
        assert [plural(1, "test image"), plural(2, "test image")] == ["1 test recording", "2 test recordings"]


@pytest.mark.parametrize("nouns", [("recording", "recordings"), ("row", "rows")])
def test_a_page_of_other_samples_speaks_of_no_images(
    plant: Callable[..., Any], tmp_path: Path, nouns: tuple[str, str]
) -> None:
    tree = plant(generators=(), tta=False)
    card = tree.data / "card.json"
    files.write_json(card, files.read_json(card) | {"nouns": list(nouns)})
    for picture in (*tree.results.rglob("contact_sheet.png"), *tree.results.rglob("mean_images.png")):
        picture.unlink()  # which only images have
    page = tree.build(tmp_path / "page")
    shown = re.sub(r"<(style|script)\b.*?</\1>|<[^>]*>", " ", page, flags=re.S)
    assert f"test {nouns[1]}" in shown
    left = [line.strip() for line in re.findall(r".*\b[Ii]mages?\b.*", shown)]
    assert left == ["digits/broken.png  not an image"], "what the data stage wrote of a file stays"
