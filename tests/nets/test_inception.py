"""Inception-v3 from a file of random weights: both layouts load, pooling differs as in TensorFlow, other files are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torchvision.models import inception

from darkroom.nets.inception import OWN, PORTED, Inception, MaximumE, PortedA


def random_weights(path: Path, classes: int) -> Path:
    torch.manual_seed(0)
    network = inception.Inception3(num_classes=classes, aux_logits=classes == OWN, init_weights=False)
    torch.save(network.state_dict(), path)
    return path


@pytest.mark.parametrize("classes", [PORTED, OWN])
def test_both_layouts_load_and_give_features(classes: int, tmp_path: Path) -> None:
    network = Inception(random_weights(tmp_path / "weights.pt", classes))
    images = torch.rand(2, 1, 28, 28)
    features = network(images)
    assert features.shape == (2, 2048)
    assert torch.isfinite(features).all()
    assert torch.allclose(features, network(images.expand(-1, 3, -1, -1)))
    assert not torch.allclose(features[0], features[1])
    assert isinstance(network.network.Mixed_7c, MaximumE) == (classes == PORTED)


def test_torchvisions_own_weights_give_torchvisions_features(tmp_path: Path) -> None:
    path = random_weights(tmp_path / "weights.pt", OWN)
    reference = inception.Inception3(num_classes=OWN, aux_logits=True, transform_input=True, init_weights=False).eval()
    reference.load_state_dict(torch.load(path, weights_only=True))
    reference.fc = torch.nn.Identity()
    images = torch.rand(2, 3, 299, 299)
    mean, std = (torch.tensor(values)[:, None, None] for values in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    with torch.inference_mode():
        assert torch.allclose(Inception(path)(images), reference((images - mean) / std), rtol=1e-3, atol=1e-5)


def test_average_pools_leave_the_padding_out() -> None:
    ones = torch.ones(1, 4, 5, 5)
    block, last = PortedA(4, pool_features=2), MaximumE(4)
    assert torch.equal(block.pooled(ones), ones)
    assert not torch.equal(F.avg_pool2d(ones, 3, stride=1, padding=1), ones)
    assert torch.equal(last.pooled(-ones), -ones)
    assert block.eval()(ones).shape == (1, 64 + 64 + 96 + 2, 5, 5)


def test_other_files_are_refused(tmp_path: Path) -> None:
    torch.save({"fc.bias": torch.zeros(10)}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"does not hold an Inception-v3 of 1,008 classes.*change generate\.inception"):
        Inception(tmp_path / "other.pt")
    torch.save({"fc.bias": torch.zeros(PORTED)}, tmp_path / "cut.pt")
    with pytest.raises(ValueError, match="does not fit Inception-v3"):
        Inception(tmp_path / "cut.pt")
