"""Defaults of the detect section, by what the images look like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from darkroom.config.load import ConfigError, load
from darkroom.nets import pretrained


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Loads a config of a folder of images of this size, with or without the pretrained network."""

    def make(side: int, *, installed: bool = True, data: dict[str, Any] | None = None, **sections: Any) -> Any:
        monkeypatch.setattr(pretrained, "installed", lambda: "weights==1" if installed else None)
        path = tmp_path / "set" / "train" / "good" / "a.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "Notes.txt").write_text("no image")
        Image.new("RGB", (side, side // 2)).save(path)
        source = {"name": "mvtec", "path": str(tmp_path / "set")}
        return load({"name": "set", "data": {"source": source, **(data or {})}, **sections}, path="set.yaml")

    return make


@pytest.mark.parametrize("detect", [None, {}, {"normal": "good"}])
def test_photographs_get_detectors_on_a_pretrained_network_at_its_size(config: Any, detect: Any) -> None:
    found = config(300, detect=detect)
    assert list(found.detect.detectors) == ["pca", "padim", "patchcore"]
    assert found.data.size == 224


@pytest.mark.parametrize("detectors", [False, 0, ""])
def test_what_is_no_mapping_is_refused_for_photographs_too(config: Any, detectors: Any) -> None:
    with pytest.raises(ConfigError, match=r"detect\.detectors: got"):
        config(300, detect={"detectors": detectors})


def test_small_images_no_network_and_chosen_detectors_keep_the_other_defaults(config: Any) -> None:
    for found in (config(32, detect=None), config(300, installed=False, detect=None)):
        assert list(found.detect.detectors) == ["pca", "autoencoder"]
        assert found.data.size is None
    chosen = config(300, detect={"detectors": {"mahalanobis": None}})
    assert (list(chosen.detect.detectors), chosen.data.size) == (["mahalanobis"], None)


def test_a_size_that_was_set_or_that_others_use_stays(config: Any) -> None:
    assert config(300, data={"size": 128}, detect=None).data.size == 128
    assert list(config(300, data={"size": 32}, detect=None).detect.detectors) == ["pca", "autoencoder"]
    shared = config(300, detect=None, classify=None)
    assert (list(shared.detect.detectors), shared.data.size) == (["pca", "padim", "patchcore"], None)
