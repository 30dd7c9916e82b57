"""Tiny pretrained backbones: timm's own test architectures, with random weights in a file."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from darkroom import files
from darkroom.data.store import describe_store, open_store
from darkroom.nets.transfer import Pretrained


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Writes the weights of an architecture, the same for every call."""
    folder = tmp_path_factory.mktemp("weights")

    def write(architecture: str) -> Path:
        path = folder / f"{architecture}.safetensors"
        if not path.exists():
            torch.manual_seed(0)
            save_file(timm.create_model(architecture, pretrained=False, num_classes=0).state_dict(), path)
        return path

    return write


def thinned(data: Path, root: Path) -> Path:
    """Write a store of every third image: backbones are slow."""
    store = open_store(data)
    with files.folder(root) as fresh:
        shutil.copyfile(data / "preparation.json", fresh / "preparation.json")
        np.save(fresh / "samples.npy", np.asarray(store.samples)[::3])
        items = store.items.iloc[::3].reset_index(drop=True)
        target = None if store.target.kind == "class" else store.target
        describe_store(fresh, name="few", classes=store.classes, items=items, target=target)
    return root


@pytest.fixture(scope="session")
def few(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return thinned(digits, tmp_path_factory.mktemp("few") / "prepared")


@pytest.fixture
def network(weights: Callable[[str], Path]) -> Callable[..., Pretrained]:
    """Builds a pretrained network for gray 8x8 images of ten classes."""

    def build(architecture: str = "test_efficientnet", **options: Any) -> Pretrained:
        path = weights(architecture)
        torch.manual_seed(1)
        found = Pretrained((1, 8, 8), 10, backbone=architecture, weights=str(path), **{"size": 32, **options})
        found.load_pretrained()
        return found

    return build
