from __future__ import annotations

import pytest
import torch

from darkroom.nets.autoencoder import Decoder, Encoder, plan

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
