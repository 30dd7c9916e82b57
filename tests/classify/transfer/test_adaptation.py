"""Ways to train a pretrained network: what trains, at which rate, on which size."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import timm
import torch
from timm.optim import param_groups_layer_decay
from torch import nn

from darkroom.classify.transfer.fine_tune import FineTune
from darkroom.classify.transfer.lora import Lora, projections
from darkroom.classify.transfer.partial import Partial
from darkroom.fit.optimizers import groups
from darkroom.nets.backbone import Backbone
from darkroom.nets.transfer import Pretrained

Build = Callable[..., Pretrained]
IMAGES = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def step(network: Pretrained) -> None:
    """Take a training step that changes everything that trains."""
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    network(IMAGES).log_softmax(1)[:, 0].mean().backward()
    optimizer.step()


def changed(network: Pretrained, before: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}


def copied(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def test_layer_rates_and_decay_are_those_of_timm(network: Build) -> None:
    ours = network("test_vit")
    theirs = timm.create_model("test_vit", pretrained=False, num_classes=10)
    expected = {}
    names = {id(p): name for name, p in theirs.named_parameters()}
    listed = theirs.no_weight_decay()
    for group in param_groups_layer_decay(theirs, 0.05, no_weight_decay_list=listed, layer_decay=0.6):
        for parameter in group["params"]:
            expected[names[id(parameter)]] = (group["lr_scale"], group["weight_decay"])
    places = {id(p): name.removeprefix("backbone.network.") for name, p in ours.named_parameters()}
    places |= {id(p): f"head.{name.rpartition('.')[2]}" for name, p in ours.head.named_parameters()}
    found = {}
    for group in groups(ours, 1.0, 0.05, FineTune(layer_decay=0.6).rates(ours)):
        for parameter in group["params"]:
            found[places[id(parameter)]] = (pytest.approx(group["lr"]), group["weight_decay"])
    assert expected == found


def test_running_statistics_stay_and_everything_else_trains(network: Build) -> None:
    for frozen in (True, False):
        tuned, way = network(), FineTune(frozen_norm=frozen)
        before = copied(tuned)
        way.prepare(tuned)
        tuned.train()
        way.set_mode(tuned)
        step(tuned)
        assert any("running_mean" in name for name in changed(tuned, before)) != frozen
        trained = {name for name, _ in tuned.named_parameters()}
        assert trained <= changed(tuned, before)


def test_the_last_blocks_and_the_head_train(network: Build) -> None:
    tuned, way = network(), Partial(blocks=2)
    before, count = copied(tuned), len(tuned.blocks())
    way.prepare(tuned)
    tuned.train()
    way.set_mode(tuned)
    step(tuned)
    own = [{id(p) for p in block.parameters()} for block in tuned.blocks()]
    moved = {id(dict(tuned.named_parameters())[name]) for name in changed(tuned, before)}
    assert [bool(moved & block) for block in own] == [False] * (count - 2) + [True] * 2
    assert {id(p) for p in tuned.head.parameters()} <= moved
    with pytest.raises(ValueError, match=rf"transfer\.blocks is 99, but the network has {count}; lower it"):
        Partial(blocks=99).prepare(network())


@pytest.mark.parametrize("attention", ["timm", "torchvision"])
def test_merged_weights_give_what_the_low_rank_changes_gave(network: Build, attention: str) -> None:
    tuned, way = network("test_vit"), Lora(rank=2, alpha=4.0)
    if attention == "torchvision":  # keeps query, key and value in one parameter
        tuned.backbone.network.blocks[0].attn = Attended(64)
    tuned.eval()
    plain, before = tuned(IMAGES), copied(tuned)
    way.prepare(tuned)
    assert torch.equal(tuned(IMAGES), plain)  # B is zero
    trained = {name for name, p in tuned.named_parameters() if p.requires_grad}
    assert all("parametrizations" in name or name.startswith("head.") for name in trained)
    for _ in range(2):  # A moves once B is not zero
        step(tuned)
        tuned.zero_grad()
    unmerged = tuned(IMAGES)
    assert not torch.equal(unmerged, plain)
    way.finish(tuned)
    assert torch.equal(tuned(IMAGES), unmerged)
    assert tuned.state_dict().keys() == before.keys()
    adapted = {id(getattr(module, name)) for module, name in projections(tuned.backbone)}
    moved = {id(dict(tuned.named_parameters())[name]) for name in changed(tuned, before)}
    assert moved == adapted | {id(p) for p in tuned.head.parameters()}


class Attended(nn.Module):
    """Torchvision's attention in the place of timm's."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.MultiheadAttention(width, 2, batch_first=True)

    def forward(self, tokens: torch.Tensor, *_: object, **__: object) -> torch.Tensor:
        found: torch.Tensor = self.inner(tokens, tokens, tokens, need_weights=False)[0]
        return found


def test_low_rank_changes_need_attention(network: Build) -> None:
    with pytest.raises(ValueError, match="lora adapts attention layers, and this network has none"):
        Lora().prepare(network())


def test_the_image_side_grows_to_the_full_one_in_multiples_of_the_stride(network: Build) -> None:
    tuned = network(size=4 * Backbone("test_efficientnet", pretrained=False).stride)
    stride, way, sides = tuned.backbone.stride, FineTune(start_size=0.5), []
    for progress in (0.0, 0.3, 0.6, 0.8, 1.0):
        way.resize(tuned, progress)
        sides.append(tuned.backbone.side)
    assert sides == [2 * stride, 3 * stride, 3 * stride, 4 * stride, 4 * stride]
