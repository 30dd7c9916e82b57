"""Grad-CAM against its closed form, attention rollout against a direct product, on networks of several makes."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.classify.explanation import saliency
from darkroom.nets.mlp import MLP
from darkroom.nets.resnet import ResNet
from darkroom.nets.vit import ViT


def images(count: int = 3, side: int = 16) -> Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(1))


def test_grad_cam_of_pooling_and_a_linear_layer_is_the_class_activation_map() -> None:
    torch.manual_seed(0)
    network = ResNet((3, 16, 16), 4, width=8, stages=2).eval()
    classes = torch.tensor([0, 3, 1])
    maps = network.feature_maps(images())[-1]  # (3, 16, 4, 4)
    weights = network.head[-1].weight[classes]  # (3, 16)
    expected = F.relu(torch.einsum("bd,bdhw->bhw", weights, maps)) / (4 * 4)
    torch.testing.assert_close(saliency.grad_cam(network, images(), classes), expected.detach())


def test_channels_last_outputs_give_the_same_map() -> None:
    class Last(nn.Module):
        """The same network, whose last map has its channels last."""

        def __init__(self, inner: ResNet) -> None:
            super().__init__()
            self.inner, self.turn = inner, Turn()

        def feature_maps(self, x: Tensor) -> list[Tensor]:
            return self.inner.feature_maps(x)

        def forward(self, x: Tensor) -> Tensor:
            maps = self.turn(self.inner.body(self.inner.stem(self.inner.standardize(x))))
            return self.inner.head(maps.mean((1, 2)))

    class Turn(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.permute(0, 2, 3, 1)

    torch.manual_seed(0)
    network = ResNet((3, 16, 16), 4, width=8, stages=2).eval()
    classes = torch.tensor([0, 3, 1])
    torch.testing.assert_close(
        saliency.grad_cam(Last(network), images(), classes), saliency.grad_cam(network, images(), classes)
    )


class Attending(nn.Module):
    """A transformer of torch's own attention with a class token, on patches of 4×4 pixels."""

    def __init__(self, layers: int = 2) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, stride=4)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.layers = nn.ModuleList(nn.MultiheadAttention(8, 2, batch_first=True) for _ in range(layers))
        self.head = nn.Linear(8, 4)

    def tokens(self, x: Tensor) -> Tensor:
        patches = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), patches], 1)
        for layer in self.layers:
            x = x + layer(x, x, x, need_weights=False)[0]
        return x

    def feature_maps(self, x: Tensor) -> list[Tensor]:
        side = x.shape[-1] // 4
        return [self.tokens(x)[:, 1:].transpose(1, 2).unflatten(2, (side, side))]

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.tokens(x)[:, 0])


def test_rollout_of_one_layer_is_its_attention() -> None:
    torch.manual_seed(0)
    network = Attending(1).eval()
    assert saliency.method(network, images(1)) == "attention_rollout"
    patches = network.patches(images()).flatten(2).transpose(1, 2)
    x = torch.cat([network.token.expand(3, -1, -1), patches], 1)
    weights = network.layers[0](x, x, x, need_weights=True)[1]
    expected = weights[:, 0, 1:].reshape(3, 4, 4) / 2  # the identity has nothing there
    torch.testing.assert_close(saliency.attention_rollout(network, images()), expected.detach())


def test_rollout_leaves_the_network_as_it_was() -> None:
    torch.manual_seed(0)
    network = Attending().eval()
    before = network(images())
    rolled = saliency.attention_rollout(network, images())
    assert rolled.shape == (3, 4, 4)
    assert float(rolled.min()) >= 0
    assert (rolled.flatten(1).sum(1) <= 1).all()  # the rest is the class token's
    torch.testing.assert_close(network(images()), before)


def test_the_vision_transformer_is_explained_by_rollout_and_answers_alike_with_either_attention() -> None:
    torch.manual_seed(0)
    network = ViT((3, 16, 16), 4, width=16, depth=3, heads=2).eval()
    assert saliency.method(network, images(1)) == "attention_rollout"
    rolled = saliency.attention_rollout(network, images())
    assert rolled.shape == (3, 4, 4)
    torch.testing.assert_close(rolled.flatten(1).sum(1), torch.ones(3))  # there is no class token
    fused = network(images())
    for block in network.blocks:
        block.attention.fused_attn = False
    torch.testing.assert_close(network(images()), fused)


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "resnet18", "swin_tiny_patch4_window7_224"])
def test_networks_of_timm(name: str) -> None:
    timm = pytest.importorskip("timm")

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            size = {} if name == "resnet18" else {"img_size": 64}
            small = {"depth": 2} if name.startswith("vit") else {}
            self.inner = timm.create_model(name, num_classes=4, **size, **small).eval()

        def feature_maps(self, x: Tensor) -> list[Tensor]:
            maps: list[Tensor] = self.inner.forward_intermediates(x, intermediates_only=True)
            return maps

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.inner(x)
            return logits

    torch.manual_seed(0)
    network, given = Network(), images(2, 64)
    how = saliency.method(network, given[:1])
    assert how == ("attention_rollout" if name.startswith("vit") else "grad_cam")
    found = saliency.saliency(network, how, given, torch.tensor([0, 1]))
    assert found.shape == (2, 64, 64)
    assert float(found.max()) > 0
    assert torch.isfinite(found).all()


def test_a_network_without_feature_maps_has_no_saliency() -> None:
    assert saliency.method(MLP((3, 16, 16), 4), images(1)) is None
