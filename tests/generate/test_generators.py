"""Every registered generator: shapes, range, draws that repeat, parameters that learn, the same output after loading."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from darkroom import files, registry
from darkroom.fit.batches import Batches, Pool
from darkroom.fit.model import rebuild, save_model
from darkroom.fit.trainer import fit
from darkroom.generate.config import GeneratorTraining
from darkroom.generate.model import GenerativeModel, LatentModel
from darkroom.log import silent

SHAPES = [(1, 8, 8), (3, 33, 17)]
TRAINING = GeneratorTraining(epochs=1, batch_size=8)
NAMES = list(registry.taking("generator", "image"))


def build(name: str, shape: tuple[int, int, int], classes: int = 3) -> GenerativeModel:
    torch.manual_seed(0)
    model: GenerativeModel = registry.build(registry.options("generator", name)(), shape, classes)
    return model


def batches(shape: tuple[int, int, int], items: int = 24, classes: int = 3) -> Batches:
    channels, height, width = shape
    images = np.random.default_rng(0).integers(0, 256, (items, height, width, channels), dtype=np.uint8)
    labels = np.arange(items, dtype=np.int64) % classes if classes else np.full(items, -1)
    return Batches(Pool([images]), np.arange(items)[:, None], labels, batch_size=8, seed=0)


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
@torch.inference_mode()
def test_samples_are_images_and_repeat_with_their_generator(
    name: str, shape: tuple[int, int, int], classes: int
) -> None:
    model = build(name, shape, classes).eval()
    for parameter in model.parameters():  # as if trained: a layer of zeros would hide the noise
        parameter.add_(torch.randn(parameter.shape), alpha=0.05)
    assert model.classes in {0, classes}
    labels = torch.tensor([0, 2, 1, 2, 0])
    first, again, other = (model.sample(labels, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert first.shape == (5, *shape)
    assert first.dtype == torch.float32
    assert torch.isfinite(first).all()
    assert first.min() >= 0
    assert first.max() <= 1
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
@torch.inference_mode()
def test_a_latent_space_leads_back_to_images(name: str, shape: tuple[int, int, int]) -> None:
    model = build(name, shape).eval()
    if not isinstance(model, LatentModel):
        pytest.skip("has no latent space")
    images, others = torch.rand(3, *shape), torch.rand(3, *shape)
    labels, their = torch.tensor([0, 1, 2]), torch.tensor([1, 1, 0])
    assert model.encode(images, labels)[0].shape == (3, model.latent)
    assert model.reconstruct(images, labels).shape == images.shape
    ways = model.interpolate(images, others, 4, (labels, their))
    assert ways.shape == (3, 4, *shape)
    assert torch.allclose(ways[:, 0], model.reconstruct(images, labels), atol=1e-5)
    assert torch.allclose(ways[:, -1], model.reconstruct(others, their), atol=1e-5)
    bound = model.bound(images, labels, torch.Generator().manual_seed(0))
    assert bound.elbo.shape == (3,)
    assert (bound.kl >= 0).all()
    assert torch.equal(bound.elbo, model.bound(images, labels, torch.Generator().manual_seed(0)).elbo)


@pytest.mark.training
@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_learns_and_a_seed_repeats(name: str, classes: int) -> None:
    weights = []
    for _ in range(2):
        model = build(name, (1, 9, 12), classes)
        before = {n: p.detach().clone() for n, p in model.named_parameters()}
        fitted = fit(model.task(TRAINING), batches((1, 9, 12), classes=classes), None, seed=0, log=silent)
        assert [n for n, p in model.named_parameters() if torch.equal(p, before[n])] == []
        assert len(fitted.history) == 1
        assert len(fitted.steps) == 3
        weights.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert torch.equal(*weights)


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_model_draws_the_same(name: str, tmp_path: Path) -> None:
    model = build(name, (1, 12, 12)).eval()
    options = registry.options("generator", name)()
    with files.folder(tmp_path / "model") as fresh:
        save_model(fresh, model, plugin=options, shape=(1, 12, 12), classes=(), fitted=None)
    torch.manual_seed(1)
    loaded = rebuild("generator", tmp_path / "model", (1, 12, 12), 3)
    assert isinstance(loaded, GenerativeModel)
    labels = torch.tensor([2, 0, 1])
    assert torch.equal(*(m.sample(labels, torch.Generator().manual_seed(0)) for m in (model, loaded)))
