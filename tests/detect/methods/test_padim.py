from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import mahalanobis

from darkroom.detect.detector import FitInputs
from darkroom.detect.methods.padim import Gaussians, PaDiM
from darkroom.nets import pretrained

needs_backbone = pytest.mark.skipif(pretrained.installed() is None, reason="the extra backbone is not installed")
IMAGES = np.random.default_rng(0).integers(0, 256, (50, 24, 32, 3), dtype=np.uint8)


def fit(rows: np.ndarray, *, seed: int = 0, dimensions: int = 6, smoothing: float = 0.0) -> PaDiM:
    detector = PaDiM((3, 24, 32), side=32, dimensions=dimensions, smoothing=smoothing)
    detector.fit(FitInputs(images=IMAGES, train=rows, val=rows[:0], seed=seed))
    return detector


def distances(vectors: torch.Tensor, batches: list[int], probe: torch.Tensor) -> torch.Tensor:
    """Mahalanobis distances (P, B) of a probe (P, B, d) from Gaussians of vectors (P, N, d)."""
    places, _, size = vectors.shape
    gaussians = Gaussians(torch.zeros(places, size), torch.zeros(places, size, size))
    for part in vectors.split(batches, 1):
        gaussians.add(part)
    gaussians.whiten()
    return torch.linalg.vector_norm((probe - gaussians.mean[:, None]) @ gaussians.scatter.mT, dim=2)


def test_batches_of_vectors_far_from_zero_give_the_covariance_of_numpy() -> None:
    vectors = 300 + torch.randn(3, 40, 5, generator=torch.Generator().manual_seed(0)) @ torch.randn(5, 5)
    found = Gaussians(torch.zeros(3, 5), torch.zeros(3, 5, 5))
    for part in vectors.split([1, 7, 32], 1):
        found.add(part)
    for mean, scatter, place in zip(found.mean, found.scatter, vectors.double().numpy(), strict=True):
        assert np.allclose(mean, place.mean(0), rtol=1e-6)
        assert np.allclose(scatter / 39, np.cov(place, rowvar=False), rtol=1e-3, atol=1e-3)


def test_distances_do_not_change_when_all_features_are_turned_and_moved() -> None:
    generator = torch.Generator().manual_seed(0)
    vectors, probe = torch.randn(2, 30, 6, generator=generator), torch.randn(2, 4, 6, generator=generator)
    turn = torch.linalg.qr(torch.randn(6, 6, generator=generator)).Q
    plain = distances(vectors, [30], probe)
    assert torch.allclose(plain, distances(vectors @ turn + 2, [11, 19], probe @ turn + 2), rtol=1e-3)
    assert (plain > 0.5).all()


def test_one_image_is_enough_and_is_no_anomaly_to_itself() -> None:
    vectors = torch.randn(2, 1, 6, generator=torch.Generator().manual_seed(0))
    assert (distances(vectors, [1], vectors) < 1e-5).all()
    assert torch.allclose(
        distances(vectors, [1], vectors + 1), torch.full((2, 1), (6 / 0.01) ** 0.5)
    )  # the ridge alone


@needs_backbone
def test_agrees_with_scipy_at_every_place() -> None:
    detector = fit(np.arange(40))
    assert len(set(detector.chosen.tolist())) == 6
    probe = torch.from_numpy(IMAGES[40:43]).permute(0, 3, 1, 2) / 255
    normal = torch.cat(list(detector.normal_features(IMAGES, np.arange(40))))[:, detector.chosen].double().numpy()
    unknown = detector.features(probe)[:, detector.chosen].double().numpy()
    assert unknown.shape == (3, 6, 6, 8)
    expected = np.empty((3, 6, 8))
    for row, column in np.ndindex(6, 8):
        place = normal[:, :, row, column]
        inverse = np.linalg.inv(np.cov(place, rowvar=False) + 0.01 * np.eye(6))
        for index, vectors in enumerate(unknown):
            expected[index, row, column] = mahalanobis(vectors[:, row, column], place.mean(0), inverse)
    found = detector.score(probe)
    assert found.maps is not None
    assert torch.equal(found.scores, found.maps.amax((1, 2)))
    upsampled = torch.nn.functional.interpolate(torch.tensor(expected)[:, None], (24, 32), mode="bilinear")[:, 0]
    assert torch.allclose(found.maps.double(), upsampled, rtol=1e-3)


@needs_backbone
def test_half_of_the_whitening_is_saved_and_nothing_is_lost() -> None:
    detector = fit(np.arange(40))
    state = detector.state_dict()
    assert state["whitening"].shape == (6 * 8, 6 * 7 // 2)
    other = PaDiM((3, 24, 32), side=32, dimensions=6)
    other.load_state_dict(state)
    assert torch.equal(other.whitening, detector.whitening)


@needs_backbone
def test_the_order_of_the_images_does_not_matter_and_the_seed_draws_the_features() -> None:
    detector, other = fit(np.arange(40)), fit(np.arange(40)[::-1])
    assert torch.equal(detector.chosen, other.chosen)
    assert torch.allclose(detector.whitening, other.whitening, atol=1e-3)
    assert not torch.equal(detector.chosen, fit(np.arange(40), seed=1).chosen)
    assert fit(np.arange(3), dimensions=10_000).chosen.tolist() == list(range(24 + 40 + 112))


@pytest.mark.training
@needs_backbone
def test_a_spot_is_found_where_it_is() -> None:
    stripes = np.tile(np.arange(64, dtype=np.uint8)[:, None] * 3, (1, 64))[None, :, :, None]
    noise = np.random.default_rng(0).integers(0, 8, (20, 64, 64, 1), dtype=np.uint8)
    detector = PaDiM((1, 64, 64), side=64, dimensions=20)
    detector.fit(FitInputs(images=stripes + noise, train=np.arange(20), val=np.arange(0), seed=0))
    images = torch.from_numpy(stripes + noise[:2]).permute(0, 3, 1, 2) / 255
    images[1, :, 36:44, 24:32] = 1
    scores, maps = detector.score(images)
    assert maps is not None
    assert scores[1] > 2 * scores[0]
    row, column = divmod(int(maps[1].argmax()), 64)
    assert 32 <= row < 48
    assert 20 <= column < 36
