"""Detectors that take images in without a new fit, beside a fit on all images and a plain selection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from darkroom.data.store import open_store
from darkroom.detect.detector import FitInputs
from darkroom.detect.methods.average import Average
from darkroom.detect.methods.nearest import k_center_beyond
from darkroom.detect.methods.padim import Gaussians, PaDiM
from darkroom.detect.methods.patchcore import PatchCore
from darkroom.detect.methods.pca import PCA
from darkroom.fit.batches import as_tensor
from darkroom.nets.resnet import ResNet
from darkroom.registry import options

SHAPE = (1, 8, 8)


@pytest.fixture(scope="module")
def images(digits: Path) -> np.ndarray:
    store = open_store(digits)
    return np.asarray(store.samples[store.labels == 1][:80])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier's folder, whose weights are random."""
    from darkroom.fit.model import save_model

    folder = tmp_path_factory.mktemp("classifier")
    plugin = options("network", "resnet").model_validate({"name": "resnet", "width": 8, "stages": 2, "blocks": 1})
    torch.manual_seed(0)
    network = ResNet(SHAPE, 10, width=8, stages=2, blocks=1)
    save_model(folder, network, plugin=plugin, shape=SHAPE, classes=tuple("0123456789"), fitted=None)
    return folder


def inputs(images: np.ndarray, train: range | np.ndarray, val: range = range(0)) -> FitInputs:
    return FitInputs(images=images, train=np.array(train, np.int64), val=np.array(val, np.int64), seed=0)


def padim(trained: Path) -> PaDiM:
    return PaDiM(SHAPE, trained, dimensions=6, levels=(1, 2), classifier="own")


@torch.inference_mode()
def scores(detector: PaDiM | PatchCore | Average, images: np.ndarray) -> torch.Tensor:
    return detector.score(as_tensor(images)).scores


@pytest.mark.parametrize(("fitted", "taken"), [(40, 1), (40, 25), (3, 20), (1, 5)])
@torch.no_grad()
def test_padim_becomes_that_of_a_fit_on_all_images(fitted: int, taken: int, images: np.ndarray, trained: Path) -> None:
    taught, refitted = padim(trained), padim(trained)
    taught.fit(inputs(images, range(fitted)))
    taught.take_in(images[fitted : fitted + taken], inputs(images, range(0)))
    refitted.fit(inputs(images, range(fitted + taken)))
    assert int(taught.seen) == int(refitted.seen) == fitted + taken
    assert torch.allclose(taught.mean, refitted.mean, rtol=1e-5, atol=1e-6)
    assert torch.allclose(scores(taught, images), scores(refitted, images), rtol=2e-3)


@torch.no_grad()
def test_statistics_survive_whitening() -> None:
    """The covariance after two batches with a pause between them is that of numpy."""
    vectors = torch.randn(3, 40, 5, generator=torch.Generator().manual_seed(0))
    first = Gaussians(torch.zeros(3, 5), torch.zeros(3, 5, 5))
    first.add(vectors[:, :25])
    first.whiten()
    again = Gaussians.of_whitened(first.mean, first.scatter, first.seen)
    again.add(vectors[:, 25:])
    for mean, scatter, place in zip(again.mean, again.scatter, vectors.double().numpy(), strict=True):
        assert np.allclose(mean, place.mean(0), atol=1e-6)
        assert np.allclose(scatter / 39, np.cov(place, rowvar=False), atol=1e-5)


@torch.no_grad()
def test_a_padim_that_did_not_count_its_images_is_loaded_but_not_taught(images: np.ndarray, trained: Path) -> None:
    detector, other = padim(trained), padim(trained)
    detector.fit(inputs(images, range(20)))
    state = {name: value for name, value in detector.state_dict().items() if name != "seen"}
    other.load_state_dict(state)
    assert torch.equal(scores(other, images), scores(detector, images))
    with pytest.raises(ValueError, match="fit it again"):
        other.take_in(images[:2], inputs(images, range(0)))


def test_a_continued_selection_takes_the_rows_farthest_from_the_bank_first() -> None:
    generator = torch.Generator().manual_seed(0)
    bank, rows = torch.randn(30, 7, generator=generator), 2 * torch.randn(60, 7, generator=generator)
    picks, far = [], torch.cdist(rows.double(), bank.double()).amin(1)
    for _ in range(20):
        picks.append(int(far.argmax()))
        far = torch.minimum(far, (rows.double() - rows[picks[-1]].double()).norm(dim=1))
    assert k_center_beyond(rows, bank, 20).tolist() == picks
    assert k_center_beyond(bank[:9], bank, 5).tolist() == []


@torch.no_grad()
def test_patchcore_keeps_its_bank_and_a_share_of_the_new_patches(images: np.ndarray, trained: Path) -> None:
    detector = PatchCore(SHAPE, trained, levels=(1, 2), coreset=0.25, neighbors=0, classifier="own")
    detector.fit(inputs(images, range(10)))
    bank, before = detector.bank.clone(), scores(detector, images)
    strange = 255 - images[40:44]
    far = scores(detector, strange)
    detector.take_in(strange, inputs(images, range(0)))
    assert torch.equal(detector.bank[: len(bank)], bank)
    assert len(detector.bank) == len(bank) + 4 * detector.height * detector.width // 4
    assert (scores(detector, images) <= before + 1e-5).all()  # without reweighting, more patches are never farther
    assert (scores(detector, strange) < far / 2).all()
    kept = {tuple(row) for row in detector.bank[len(bank) :].tolist()}
    own = detector.features(as_tensor(strange)).flatten(2).mT.flatten(0, 1)
    assert kept <= {tuple(row) for row in own.tolist()}


@torch.no_grad()
def test_an_average_learns_if_all_of_its_detectors_can(images: np.ndarray, trained: Path) -> None:
    parts: list[dict[str, Any]] = [
        {"name": "padim", "classifier": "own", "dimensions": 6, "levels": [1, 2]},
        {"name": "patchcore", "classifier": "own", "levels": [1, 2]},
    ]
    of = tuple(options("detector", each["name"]).model_validate(each) for each in parts)
    detector, held = Average(SHAPE, trained, of=of), inputs(images, range(20), range(20, 40))
    detector.fit(held)
    detector.take_in(images[40:50], held)
    own = scores(detector, images[20:40])
    assert float(own.mean()) == pytest.approx(0, abs=1e-4)
    with pytest.raises(ValueError, match=r"PCA cannot take images in without a new fit; average, padim, patchcore can"):
        PCA(SHAPE).take_in(images, held)
