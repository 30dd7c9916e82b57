"""The gallery page: self-contained, every technique once, linked with the report in both directions."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from darkroom import files
from darkroom.report.config import ResultEntry


def technique(name: str, kind: str, family: str, *, pictures: int = 1, **options: Any) -> dict[str, Any]:
    caption = "0.60 <a> + 0.40 b" if pictures > 1 else ""
    shown = [{"file": f"{kind}-{name}-{n}.png", "caption": caption} for n in range(pictures)]
    return {
        **{"name": name, "kind": kind, "family": family, "summary": f"What {name} does.", "options": options},
        **{"amounts": {name: options.get("p", 20)}, "strengths": [1.0], "pictures": shown},
    }


TECHNIQUES = [
    technique("rotate", "offline", "geometric", degrees=20.0, p=0.5),
    technique("hflip", "offline", "geometric", p=0.5),
    technique("cutout", "offline", "occlusion", size=0.3, value=0, p=0.5),
    technique("rotate", "online", "geometric", degrees=20.0, p=0.5),
    technique("cutout", "online", "occlusion", size=0.3, p=0.5),
    technique("cutmix", "online", "mixing", pictures=3, p=1.0),
    technique("own", "online", "a family of its own", p=1.0),
]


def write(folder: Path) -> None:
    with files.folder(folder) as fresh:
        for entry in TECHNIQUES:
            for picture in entry["pictures"]:
                pixels = np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)
                Image.fromarray(pixels).save(fresh / picture["file"])
        files.write_json(fresh / "gallery.json", {"images": 4, "techniques": TECHNIQUES})


def built(plant: Any, out: Path, *, written: bool = True, **changes: Any) -> tuple[str, str]:
    """Build the report and the gallery page, an empty string if there is none."""
    tree = plant()
    if written:
        write(tree.results / "gallery")
    spec = tree.spec.model_copy(update={"gallery": ResultEntry(folder="gallery"), **changes})
    page = type(tree)(spec, tree.data, tree.results).build(out)
    return page, (out / "gallery.html").read_text(encoding="utf-8") if (out / "gallery.html").exists() else ""


def test_the_page_is_self_contained_and_linked_both_ways(plant: Any, tmp_path: Path) -> None:
    report, page = built(plant, tmp_path / "out")
    assert 'href="gallery.html"' in report
    assert 'href="index.html#augment"' in page
    assert 'id="augment"' in report
    links = set(re.findall(r'href="#([^"]*)"', page))
    assert links <= set(re.findall(r'id="([^"]*)"', page))
    assert "<script" not in page
    assert " style=" not in page
    assert "http" not in page.replace("http-equiv", "")
    sources = re.findall(r'<img src="([^"]*)"', page)
    assert len(sources) == sum(len(entry["pictures"]) for entry in TECHNIQUES)
    assert all(source.startswith("data:image/") for source in sources)
    assert sorted(files.read_manifest(tmp_path / "out")) == ["gallery.html", "index.html"]


def test_a_technique_is_shown_once_offline_and_online_together(plant: Any, tmp_path: Path) -> None:
    _, page = built(plant, tmp_path / "out")
    assert re.findall(r'<article class="technique" id="(\w+)"', page) == ["hflip", "rotate", "cutout", "cutmix", "own"]
    assert "<b>5 augmentation techniques</b>" in page
    assert page.count("As online technique") == 2
    assert "&lt;a&gt;" in page
    assert "<a> +" not in page


def test_the_settings_can_be_copied_into_a_policy(plant: Any, tmp_path: Path) -> None:
    _, page = built(plant, tmp_path / "out")
    shown = [yaml.safe_load(html.unescape(text)) for text in re.findall(r'<span class="copy">(.*?)</span>', page, re.S)]
    assert [{"name": "rotate", "degrees": 20.0, "p": 0.5}] in shown
    assert sum(steps[0]["name"] == "rotate" for steps in shown) == 1  # the same offline and online
    assert sum(steps[0]["name"] == "cutout" for steps in shown) == 2
    assert "# offline or online" in page


def test_without_a_gallery_there_is_neither_page_nor_link(plant: Any, tmp_path: Path) -> None:
    report, page = built(plant, tmp_path / "out", written=False, gallery=None)
    assert not page
    assert "gallery.html" not in report


def test_a_missing_gallery_is_listed(plant: Any, tmp_path: Path) -> None:
    report, page = built(plant, tmp_path / "out", written=False)
    assert not page
    assert "gallery.html" not in report
    assert "/gallery</code>" in report


def test_with_online_policies_only_there_is_a_section_to_link_from(plant: Any, tmp_path: Path) -> None:
    report, page = built(plant, tmp_path / "out", policies=[])
    assert page
    assert 'id="augment"' in report
    assert 'href="gallery.html"' in report
