"""Scoring and evaluating need no training framework."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.detect.test_detectors import SMALL

from darkroom import files, registry
from darkroom.fit.model import save_model
from darkroom.nets import pretrained

SCRIPT = """
import sys
from pathlib import Path
import darkroom.detect.evaluate, darkroom.detect.score
from darkroom.detect.detector import read_detector
for folder in sorted(Path(sys.argv[1]).iterdir()):
    read_detector(folder)
    print(folder.name, 'pytorch_lightning' in sys.modules)
"""


@pytest.mark.thorough
def test_no_detector_needs_lightning_to_be_loaded(tmp_path: Path) -> None:
    names = []
    for name in registry.taking("detector", "image"):
        model = registry.options("detector", name)
        if "backbone" in model.model_fields and pretrained.installed() is None:
            continue
        options = model.model_validate({key: value for key, value in SMALL.items() if key in model.model_fields})
        detector = registry.build(options, (1, 12, 12))
        if hasattr(detector, "feature_maps"):
            next(detector.normal_features(np.zeros((1, 12, 12, 1), np.uint8), np.array([0])))  # notes the backbone
        if name == "classifier":
            detector.classes = torch.arange(2)
            detector.network = registry.build(options.network, (1, 12, 12), 2)  # type: ignore[attr-defined]
        with files.folder(tmp_path / name) as fresh:
            save_model(fresh, detector, plugin=options, shape=(1, 12, 12), classes=(), fitted=None)
        names.append(name)
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"{name} False" for name in sorted(names)]
