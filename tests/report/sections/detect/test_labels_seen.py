"""A detector whose features were learned from labeled anomalies says so."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from darkroom import files


@pytest.mark.parametrize("seen", [[], ["1", "<i>"]], ids=["none", "some"])
def test_the_name_says_that_a_detector_saw_labels_of_anomalies(
    plant: Callable[..., Any], tmp_path: Path, seen: list[str]
) -> None:
    tree = plant(detectors=("pca", "padim"))
    metrics = tree.results / "detect/normal-0/padim/seed-0/evaluation/metrics.json"
    files.write_json(metrics, {**files.read_json(metrics), "labels_seen": seen})
    page = tree.build(tmp_path / "page")
    assert ("padim (saw labels of anomalies)" in page) == bool(seen)
    assert ("trained on labeled images of 1, &lt;i&gt;, too" in page) == bool(seen)
    assert "pca (saw labels" not in html.unescape(page)
