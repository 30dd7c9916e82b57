"""The U-Net beside diffusers' `UNet2DModel`, and images of any size."""

from __future__ import annotations

import pytest
import torch
from diffusers import UNet2DModel

from darkroom.nets.noised_classifier import NoisedClassifier
from darkroom.nets.unet import Denoiser, UNet, sinusoids


def randomized(network: torch.nn.Module) -> torch.nn.Module:
    """No weight left at zero, so that every part is seen in the output."""
    draws = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        parameter.data.add_(0.1 * torch.randn(parameter.shape, generator=draws))
    return network.eval()


@pytest.mark.parametrize("classes", [0, 11])
@pytest.mark.parametrize(("widths", "blocks"), [((8,), 1), ((16, 24), 1), ((8, 16, 8), 2)], ids=str)
@torch.inference_mode()
def test_weights_and_predictions_are_those_of_diffusers(widths: tuple[int, ...], blocks: int, classes: int) -> None:
    ours = randomized(UNet(3, classes=classes, widths=widths, blocks=blocks))
    theirs = UNet2DModel(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownBlock2D",) * len(widths),
        up_block_types=("UpBlock2D",) * len(widths),
        block_out_channels=widths,
        layers_per_block=blocks,
        norm_num_groups=8,
        add_attention=False,
        num_class_embeds=classes or None,
    ).eval()
    theirs.load_state_dict(ours.state_dict())
    images, times = torch.randn(4, 3, 8, 12), torch.tensor([0, 7, 300, 999])
    labels = torch.tensor([0, 3, 10, 1]) if classes else None
    assert torch.allclose(ours(images, times, labels), theirs(images, times, labels).sample, atol=1e-5)


@pytest.mark.parametrize("patch", [1, 2, 4])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 33, 17), (1, 28, 28)], ids=str)
@torch.inference_mode()
def test_images_of_any_size_keep_it(shape: tuple[int, int, int], patch: int) -> None:
    network = randomized(Denoiser(shape[0], classes=0, patch=patch, widths=(8, 8, 8), blocks=1))
    images = torch.randn(2, *shape)
    assert network(images, torch.tensor([1, 5])).shape == images.shape
    classifier = randomized(NoisedClassifier(shape[0], 4, patch=patch, widths=(8, 8)))
    assert classifier(images, torch.tensor([1, 5])).shape == (2, 4)


@torch.inference_mode()
def test_a_new_denoiser_predicts_the_same_of_everything() -> None:
    network = Denoiser(1, classes=3, patch=2, widths=(8, 8), blocks=1)
    predicted = network(torch.randn(2, 1, 8, 8), torch.tensor([1, 900]), torch.tensor([0, 2]))
    assert torch.allclose(predicted[0], predicted[1])


def test_times_have_different_embeddings() -> None:
    waves = sinusoids(torch.arange(1000), 16)
    assert waves.shape == (1000, 16)
    assert waves[0].tolist() == [1] * 8 + [0] * 8
    assert len(waves.unique(dim=0)) == 1000


def test_a_width_that_has_no_groups_is_refused() -> None:
    with pytest.raises(ValueError, match="got 12 channels; expected a multiple of 8"):
        UNet(1, classes=0, widths=(8, 12), blocks=1)
