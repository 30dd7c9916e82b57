"""What the original files say of themselves is recorded before their images get one size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from darkroom import log
from darkroom.data import attributes
from darkroom.data.config import AttributesSpec


def recorded(prepared: Any, source: dict[str, Any], out: Path) -> pd.DataFrame:
    spec = AttributesSpec.model_validate({"source": source})
    attributes.run(spec, data=prepared.root, raw=prepared.root.parent / "raw", out=out, log=log.silent)
    return pd.read_parquet(out / "attributes.parquet").set_index("id")


def test_files_of_several_types_sizes_and_cameras(run: Callable[..., Any], tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    for name in ("a", "b"):
        (tmp_path / "set" / name).mkdir(parents=True)
    Image.fromarray(noise).save(tmp_path / "set/a/1.png")
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = "Maker\0", " Model  7 ", 6  # turned by 90°
    Image.fromarray(255 - noise).save(tmp_path / "set/b/2.jpg", exif=exif)
    source = {"name": "folder", "path": str(tmp_path / "set")}
    table = recorded(run(source), source, tmp_path / "out")
    png, jpeg = table.loc["a/1.png"], table.loc["b/2.jpg"]
    assert (png["width"], png["height"], png["format"]) == (30, 20, "PNG")
    assert (jpeg["width"], jpeg["height"], jpeg["format"], jpeg["camera"]) == (20, 30, "JPEG", "Maker Model 7")
    assert png["bytes"] == (tmp_path / "set/a/1.png").stat().st_size
    assert pd.isna(png["camera"])
    assert table["group"].isna().all()


def test_arrays_have_a_size_and_no_file(run: Callable[..., Any], tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 12), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", x=images, y=np.arange(6) % 2)
    source = {"name": "npz", "path": str(tmp_path / "a.npz")}
    table = recorded(run(source), source, tmp_path / "out")
    assert (table["width"] == 12).all()
    assert (table["height"] == 8).all()
    assert table[["format", "camera", "bytes"]].isna().all(axis=None)
