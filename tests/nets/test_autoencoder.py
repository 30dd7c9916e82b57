from __future__ import annotations

from typing import Any, get_args

import pytest
import torch

from darkroom.nets.autoencoder import Decoder, Down, Encoder, LinearByClass, Up, plan
from darkroom.nets.options import Activations

SHAPES = [(1, 8, 8), (1, 28, 28), (3, 33, 17), (1, 9, 50), (3, 64, 64)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["first", "last"])
def test_an_image_of_any_size_comes_back_in_its_size(shape: tuple[int, int, int], layout: torch.memory_format) -> None:
    encoder = Encoder(shape, 6, width=4).to(memory_format=layout)
    decoder = Decoder(shape, 6, width=4).to(memory_format=layout)
    code = encoder(torch.rand(2, *shape).to(memory_format=layout))
    assert code.shape == (2, 6)
    image = decoder(code)
    assert image.shape == (2, *shape)
    image.square().sum().backward()
    for part in (encoder, decoder):
        assert [n for n, p in part.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_with_classes_every_table_learns_and_each_class_has_its_own_way(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    encoder, decoder = Encoder(shape, 6, width=4, classes=3), Decoder(shape, 6, width=4, classes=3)
    labels = torch.tensor([0, 1, 2])
    code = encoder(torch.rand(3, *shape), labels)
    decoder(code, labels).square().sum().backward()
    for part in (encoder, decoder):
        assert [n for n, p in part.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []
    same = torch.randn(1, 6).expand(3, -1)
    first, second, third = decoder(same, labels)
    assert not torch.allclose(first, second, atol=1e-4)
    assert not torch.allclose(second, third, atol=1e-4)


def test_a_code_is_turned_stretched_and_moved_by_its_class() -> None:
    turned = LinearByClass(2, 2)
    code = torch.tensor([[1.0, 2.0], [1.0, 2.0]])
    assert torch.equal(turned(code, torch.tensor([0, 1])), code)  # at the start
    with torch.no_grad():
        turned.turn.weight[1] = torch.tensor([0.0, 3.0, -1.0, 0.0])  # rows (0, 3) and (-1, 0)
        turned.move.weight[1] = torch.tensor([10.0, 20.0])
    assert turned(code, torch.tensor([0, 1])).tolist() == [[1, 2], [16, 19]]


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_a_grid_is_halved_as_often_as_told_and_led_back(levels: int) -> None:
    down, up = (part((3, 33, 17), width=4, levels=levels) for part in (Down, Up))
    grid = down(torch.rand(2, 3, 33, 17))
    assert grid.shape == (2, *down.end) == (2, *up.start)
    assert down.end[1:] == (-(-33 // 2**levels), -(-17 // 2**levels))
    assert up(grid).shape == (2, 3, 33, 17)


def test_the_smallest_level_is_four_to_seven_pixels() -> None:
    for side in range(8, 300):
        sizes, widths = plan((1, side, side + 13), 16)
        assert 4 <= min(sizes[-1]) <= 7
        assert len(widths) == len(sizes) - 1
        assert max(widths) <= 64


def test_a_fresh_decoder_draws_no_checkerboard() -> None:
    torch.manual_seed(0)
    image = Decoder((1, 32, 32), 4, width=8)(torch.randn(3, 4))
    blocks = image.unfold(2, 2, 2).unfold(3, 2, 2).flatten(-2)
    assert torch.allclose(blocks.amax(-1), blocks.amin(-1), atol=1e-6)


def test_too_small_an_image_is_refused() -> None:
    with pytest.raises(ValueError, match=r"at least 8×8 pixels, got 7×30; set data.size"):
        Encoder((1, 7, 30), 4)


@pytest.mark.parametrize("activation", get_args(Activations))
def test_both_halves_take_any_activation_and_train_all_their_parameters(activation: Any) -> None:
    torch.manual_seed(0)
    encoder = Encoder((1, 9, 9), 4, width=8, activation=activation)
    decoder = Decoder((1, 9, 9), 4, width=8, activation=activation)
    decoder(encoder(torch.rand(3, 1, 9, 9))).square().mean().backward()
    for name, parameter in [*encoder.named_parameters(), *decoder.named_parameters()]:
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
