"""Classifiers on a pretrained backbone: trained weights are read once, and a saved model needs them no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from darkroom import registry
from darkroom.classify import evaluate, train
from darkroom.classify.config import EvaluateSpec, TrainSpec
from darkroom.fit.model import rebuild
from darkroom.log import silent
from darkroom.nets import pretrained

if not pretrained.timm_installed():
    pytest.skip("timm is not installed", allow_module_level=True)

ARCHITECTURE = "test_efficientnet"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of a tiny architecture, with its classifier."""
    import timm

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "weights.pt"
    torch.save(timm.create_model(ARCHITECTURE).state_dict(), path)
    return path


def network(**options: Any) -> Any:
    given = {"backbone": ARCHITECTURE, "size": 32, **options}
    return registry.build(registry.options("network", "pretrained").model_validate(given), (1, 8, 8), 10)


def test_a_new_network_reads_no_weights_until_told_to(weights: Path) -> None:
    fresh = network(weights="nowhere.pt")
    known, name = torch.load(weights, weights_only=True), "conv_stem.weight"
    assert not torch.equal(fresh.backbone.network.state_dict()[name], known[name])
    with pytest.raises(ValueError, match=r'weights: no file "nowhere\.pt"'):
        fresh.load_pretrained()
    fresh.load_pretrained(weights)
    assert torch.equal(fresh.backbone.network.state_dict()[name], known[name])


@pytest.mark.thorough
def test_a_trained_model_is_rebuilt_without_the_pretrained_weights(weights: Path, digits: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.pt"
    own.write_bytes(weights.read_bytes())
    options = {"name": "pretrained", "backbone": ARCHITECTURE, "size": 32, "weights": str(own)}
    spec = TrainSpec.model_validate({"network": options, "training": {"epochs": 1}, "seed": 0})
    train.run(spec, data=digits, out=tmp_path / "model", log=silent)
    own.unlink()
    loaded: Any = rebuild("network", tmp_path / "model", (1, 8, 8), 10)
    assert loaded.head[1].out_features == 10
    tested: Any = {"network": options, "tta": [], "tta_merge": "mean", "resamples": 10, "seed": 0}
    evaluate.run(
        EvaluateSpec.model_validate(tested), data=digits, model=tmp_path / "model", out=tmp_path / "e", log=silent
    )


def test_other_weights_make_a_training_stale(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    options = registry.options("network", "pretrained").model_validate({"weights": str(path)})
    seen = {pretrained.fingerprints(options)}
    for content in (b"one", b"two"):
        path.write_bytes(content)
        seen.add(pretrained.fingerprints(options))
    assert len(seen) == 3
    assert pretrained.fingerprints(registry.options("network", "mlp")()) is None


def test_maps_come_finest_first_and_blocks_from_input_to_output() -> None:
    small = network()
    maps = small.feature_maps(torch.rand(2, 1, 8, 8))
    assert [tuple(level.shape[2:]) for level in maps] == [(16, 16), (8, 8), (4, 4), (2, 2), (1, 1)]
    blocks = small.blocks()
    held = [parameter for block in blocks for parameter in block.parameters()]
    assert {id(parameter) for parameter in held} == {id(parameter) for parameter in small.backbone.parameters()}
    assert "conv_stem" in str(blocks[0]) or blocks[0][0] is small.backbone.network.conv_stem
