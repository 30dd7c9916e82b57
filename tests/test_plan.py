"""What a job's spec says of things outside the config."""

from __future__ import annotations

from pathlib import Path

from darkroom import config
from darkroom.nets import pretrained
from darkroom.plan import Plan


def test_other_weights_of_a_backbone_make_a_detector_stale(tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    padim = {"name": "padim", "architecture": "resnet10t", "weights": str(file)}
    both = {"name": "average", "of": [padim, "patchcore", "pca"]}
    detectors = {"padim": {"detector": padim}, "patchcore": {}, "pca": {}, "both": {"detector": both}}
    raw = {"name": "seen", "data": {"source": "sklearn"}, "detect": {"normal": "1", "detectors": detectors}}

    def specs(detector: str) -> list[str]:
        plan = Plan(config.load(raw, path="seen.yaml"))
        return [plan.spec(f"detect {job}", task="normal-1", detector=detector, seed=0) for job in ("fit", "evaluate")]

    file.write_bytes(b"some weights")
    before = specs("padim") + specs("both")
    file.write_bytes(b"other weights")
    assert all(old != new for old, new in zip(before, specs("padim") + specs("both"), strict=True))
    assert all(f'"backbone":"{pretrained.installed()}"' in spec for spec in specs("patchcore"))
    assert all('"backbone":null' in spec for spec in specs("pca"))
