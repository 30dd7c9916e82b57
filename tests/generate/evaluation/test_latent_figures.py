from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from darkroom.generate.evaluation.latent_figures import draw_latent_map, draw_plane, draw_traversals, project
from darkroom.generate.vae.vae import VAE


class Recorded(VAE):
    """Keeps what it was asked to decode."""

    def decode(self, latent: Tensor, labels: Tensor) -> Tensor:
        self.asked = latent.numpy().copy(), labels.numpy().copy()
        return super().decode(latent, labels)


def test_a_traversal_varies_one_unit_the_most_active_first(tmp_path: Path) -> None:
    model = Recorded((3, 9, 12), 4, latent=3, width=2).eval()
    codes = np.array([[0.1, 0.2, 0.3], [2, 4, 1], [-2, -3, 1], [0, 0, 0], [9, 9, 9]], np.float32)
    draw_traversals(model, codes, np.array([2, 2, 2, 1, 0]), tmp_path / "traversals.png")
    asked, labels = model.asked
    rows = asked.reshape(3, 11, 3)
    assert set(labels) == {2}  # the class whose codes vary most, and of it the image nearest to the middle
    assert rows[0, :, 1].tolist() == pytest.approx(np.linspace(-2.5, 2.5, 11))
    assert rows[1, :, 0].tolist() == pytest.approx(np.linspace(-2.5, 2.5, 11))
    assert (rows[0][:, [0, 2]] == codes[0, [0, 2]]).all()


def test_principal_components_keep_most_of_the_spread() -> None:
    random = np.random.default_rng(0)
    codes = (random.normal(size=(300, 5)) * [1, 9, 0.5, 4, 0.1] + 7).astype(np.float32)
    places, names = project(codes)
    assert places.var(0) == pytest.approx([81, 16], rel=0.3)
    assert np.abs(np.corrcoef(places[:, 0], codes[:, 1])[0, 1]) > 0.99
    assert names[0].startswith("component 1 (8")
    assert project(codes[:, :2])[1] == ("unit 0", "unit 1")
    assert project(codes[:, :1])[0].shape == (300, 2)


@pytest.mark.parametrize("latent", [1, 2, 6])
@pytest.mark.parametrize("count", [0, 3, 30])
def test_a_map_takes_any_number_of_classes_and_none(latent: int, count: int, tmp_path: Path) -> None:
    codes = np.random.default_rng(0).normal(size=(90, latent)).astype(np.float32)
    labels = np.arange(90) % count if count else np.full(90, -1)
    for name in ("one", "two"):
        draw_latent_map(codes, labels, [f"class {n}" for n in range(count)], tmp_path / f"{name}.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


@pytest.mark.parametrize("classes", [0, 3, 40])
def test_the_plane_of_two_units(classes: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = VAE((1, 8, 9), classes, latent=2, width=2).eval()
    draw_plane(model, [str(n) for n in range(classes)], tmp_path / "plane.png")
    with Image.open(tmp_path / "plane.png") as drawn:
        assert min(drawn.size) > 300
    with pytest.raises(ValueError, match="expected a latent space of two dimensions, got 3"):
        draw_plane(VAE((1, 8, 8), 0, latent=3, width=2), [], tmp_path / "none.png")
