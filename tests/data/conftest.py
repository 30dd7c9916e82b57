"""Fixtures: small images as files, and the stages fetch and prepare run on a source."""

import csv
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from darkroom import log
from darkroom.data import fetch, prepare
from darkroom.data.config import FetchSpec, PrepareSpec
from darkroom.data.store import Store, open_store


@dataclass
class Prepared:
    root: Path
    store: Store
    card: dict[str, Any]
    excluded: dict[str, str]

    @property
    def by_id(self) -> dict[str, dict[str, Any]]:
        return {row["id"]: row for row in self.store.items.to_dict("records")}

    def warned(self, text: str) -> bool:
        return any(text in warning for warning in self.card["warnings"])

    def image(self, id_: str) -> np.ndarray:
        return self.store.samples[list(self.store.items["id"]).index(id_)]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Prepared]:
    """Fetch and prepare a source; further keywords are keys of the data section."""

    def both(source: dict[str, Any], to: str = "out", **data: Any) -> Prepared:
        raw, out = tmp_path / to / "raw", tmp_path / to / "prepared"
        fetch.run(FetchSpec(source=source), out=raw, log=log.silent)
        prepare.run(PrepareSpec(source=source, name="tried", **data), raw=raw, out=out, log=log.silent)
        with (out / "excluded.csv").open(encoding="utf-8", newline="") as stream:
            excluded = {row["origin"]: row["reason"] for row in csv.DictReader(stream)}
        return Prepared(out, open_store(out), json.loads((out / "card.json").read_text("utf-8")), excluded)

    return both


@pytest.fixture
def picture() -> Callable[..., Path]:
    """Write a random image, different for every seed; gray, or RGB with `channels=3`."""

    def write(path: Path, seed: int, size: tuple[int, int] = (8, 8), channels: int = 1) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (*size, channels), dtype=np.uint8)
        Image.fromarray(pixels.squeeze(2) if channels == 1 else pixels).save(path)
        return path

    return write


@pytest.fixture
def classes(tmp_path: Path, picture: Callable[..., Path]) -> Path:
    """A folder with ten gray images of each of two classes."""
    root = tmp_path / "set"
    for number in range(20):
        picture(root / ("cat" if number % 2 else "dog") / f"{number:02}.png", number)
    return root


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the URL under which a local server serves it."""
    root = tmp_path / "served"
    root.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(root))

        def do_GET(self) -> None:
            if self.path.endswith("short"):
                self.send_response(200)
                self.send_header("Content-Length", "100")
                self.end_headers()
                self.wfile.write(b"only this")
            else:
                super().do_GET()

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield root, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
