"""Backbones of any architecture: equal to timm's own, at any size; state dicts in any wrapper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from darkroom.nets import pretrained
from darkroom.nets.backbone import Backbone

if not pretrained.timm_installed():
    pytest.skip("timm is not installed", allow_module_level=True)


def saved(architecture: str, path: Path) -> Any:
    """Build timm's network with random weights, and save them."""
    import timm

    torch.manual_seed(0)
    network = timm.create_model(architecture).eval()
    torch.save(network.state_dict(), path)
    return network


@pytest.mark.parametrize("architecture", ["test_efficientnet", "test_resnet", "test_vit"])
@torch.inference_mode()
def test_preprocessing_and_features_are_timms_own(architecture: str, tmp_path: Path) -> None:
    from timm.data import create_transform, resolve_data_config

    theirs = saved(architecture, tmp_path / "weights.pt")
    ours = Backbone(architecture, weights=tmp_path / "weights.pt")
    transform = create_transform(**{**resolve_data_config(model=theirs), "crop_pct": 1.0})
    pixels = np.random.default_rng(0).integers(64, 192, (200, 200, 3)).astype(np.uint8)
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
    expected, prepared = transform(Image.fromarray(pixels))[None], ours.prepare(images)
    assert prepared.shape == expected.shape
    assert ((prepared - expected).abs() * ours.std).max() < 2 / 255  # PIL rounds to bytes after each direction
    pooled = theirs.forward_head(theirs.forward_features(prepared), pre_logits=True)
    assert torch.allclose(ours.features(images), pooled, atol=1e-5)


@pytest.mark.parametrize(
    ("architecture", "side", "grid"),
    [
        ("vit_tiny_patch16_224", 64, (3, 4)),
        ("torchvision/resnet18", 64, (2, 2)),
        ("torchvision/swin_t", 64, (2, 2)),
    ],
)
@torch.inference_mode()
def test_gray_images_that_are_not_square_become_features_and_maps(
    architecture: str, side: int, grid: tuple[int, int]
) -> None:
    backbone = Backbone(architecture, pretrained=False, side=side).eval()
    images = torch.rand(2, 1, 21, 33)
    assert backbone.features(images).shape == (2, backbone.features_size)
    (last,) = backbone.maps(images, [backbone.levels - 1])
    assert last.shape[2:] == grid
    assert torch.isfinite(last).all()


@torch.inference_mode()
def test_dinov2_takes_images_of_another_size_than_it_was_trained_at() -> None:
    backbone = Backbone("vit_small_patch14_dinov2", pretrained=False, side=112).eval()
    maps = backbone.maps(torch.rand(1, 3, 60, 112), [11, 3])
    assert [tuple(level.shape) for level in maps] == [(1, 384, 4, 8)] * 2
    assert len(backbone.blocks()) == 13  # the patch embedding and 12 blocks


def wrapped(state: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {f"{prefix}{name}": value for name, value in state.items()}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"state_dict": wrapped(state, "module."), "epoch": 3, "lr": 0.1},
        lambda state: {"model": {k: v * 0 for k, v in state.items()}, "model_ema": wrapped(state, "_orig_mod.module.")},
        lambda state: {"state_dict": wrapped(state, "model.backbone.")},
        lambda state: wrapped({k: v for k, v in state.items() if "classifier" not in k}, "encoder."),
        lambda state: {**state, "mask_token": torch.zeros(1)},
    ],
    ids=["ddp", "ema", "lightning", "encoder", "mask-token"],
)
def test_wrapped_and_prefixed_checkpoints_are_understood(wrap: Any, tmp_path: Path) -> None:
    state = saved("test_efficientnet", tmp_path / "plain.pt").state_dict()
    torch.save(wrap(state), tmp_path / "wrapped.pt")
    loaded = Backbone("test_efficientnet", weights=tmp_path / "wrapped.pt").network.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in loaded.items())


def test_weights_of_a_deeper_network_do_not_fit(tmp_path: Path) -> None:
    state = saved("test_efficientnet", tmp_path / "plain.pt").state_dict()
    torch.save({**state, "blocks.9.conv.weight": torch.zeros(1)}, tmp_path / "deep.pt")
    with pytest.raises(ValueError, match=r"does not fit test_efficientnet: of \d+ tensors, 1 that it does not have"):
        Backbone("test_efficientnet", weights=tmp_path / "deep.pt")


def test_sizes_that_an_architecture_cannot_take_are_errors() -> None:
    with pytest.raises(ValueError, match="16 pixels is below the stride of test_resnet, 32"):
        Backbone("test_resnet", pretrained=False, side=16)
    with pytest.raises(ValueError, match=r'torchvision has no "resnet19"\. Did you mean "resnet18"\?'):
        Backbone("torchvision/resnet19", pretrained=False)


@pytest.mark.parametrize("architecture", [*pretrained.PACKAGES])
def test_packaged_weights_load(architecture: str) -> None:
    if pretrained.installed(architecture) is None:
        pytest.skip("the package is not installed")
    assert not Backbone(architecture).network.training
