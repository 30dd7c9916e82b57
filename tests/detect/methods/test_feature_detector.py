from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from darkroom.detect.detector import FitInputs
from darkroom.detect.methods.padim import PaDiM
from darkroom.nets import pretrained


def test_detectors_are_known_without_importing_timm() -> None:
    script = "import sys; import darkroom.detect.methods.padim, darkroom.detect.methods.patchcore; print('timm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.skipif(pretrained.installed() is None, reason="the extra backbone is not installed")
def test_a_detector_keeps_its_backbone_out_of_its_file_but_knows_which_it_was() -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 1), dtype=np.uint8)
    detector = PaDiM((1, 16, 16), side=32, dimensions=4)
    detector.fit(FitInputs(images=images, train=np.arange(4), val=np.arange(0), seed=0))
    state = detector.state_dict()
    assert set(state) == {"chosen", "mean", "whitening", "seen", "backbone_sha256"}
    assert bytes(state["backbone_sha256"].tolist()).hex() == detector.feature_maps.sha256
    state["backbone_sha256"][0] += 1
    with pytest.raises(ValueError, match="backbone with other weights"):
        PaDiM((1, 16, 16), side=32, dimensions=4).load_state_dict({**state})
