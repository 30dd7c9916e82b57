from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.neighbors import NearestNeighbors

from darkroom.detect.detector import FitInputs
from darkroom.detect.methods import patchcore
from darkroom.detect.methods.patchcore import PatchCore
from darkroom.nets import pretrained

if pretrained.installed() is None:
    pytest.skip("the extra backbone is not installed", allow_module_level=True)

IMAGES = np.random.default_rng(0).integers(0, 256, (30, 24, 32, 3), dtype=np.uint8)
PATCHES = 6 * 8  # of an image, at level 1
ROWS = np.arange(20)
PROBE = torch.from_numpy(IMAGES[20:23]).permute(0, 3, 1, 2) / 255


def fit(*, seed: int = 0, **options: Any) -> PatchCore:
    detector = PatchCore((3, 24, 32), **{"side": 32, "levels": (1, 2), "smoothing": 0.0, **options})
    detector.fit(FitInputs(images=IMAGES, train=ROWS, val=ROWS[:0], seed=seed))
    return detector


def normal_patches(detector: PatchCore) -> torch.Tensor:
    return torch.cat(list(detector.normal_features(IMAGES, ROWS))).flatten(2).mT.flatten(0, 1)


def distances(rows: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """All of them (N, M), by differences."""
    return torch.cdist(rows, others, compute_mode="donot_use_mm_for_euclid_dist")


@pytest.mark.parametrize("neighbors", [0, 4, 9])
def test_agrees_with_sklearn_and_the_formula_of_the_paper(neighbors: int) -> None:
    detector = fit(neighbors=neighbors)
    bank = detector.bank.double().numpy()
    index = NearestNeighbors(algorithm="brute").fit(bank)
    scores, maps = detector.score(PROBE)
    assert maps is not None
    for score, pixels, features in zip(scores, maps, detector.features(PROBE), strict=True):
        patches = features.flatten(1).T.double().numpy()
        far, found = (values[:, 0] for values in index.kneighbors(patches, 1))
        grid = torch.tensor(far).view(1, 1, 6, 8)
        upsampled = torch.nn.functional.interpolate(grid, (24, 32), mode="bilinear")[0, 0]
        assert torch.allclose(pixels.double(), upsampled, rtol=1e-4)
        worst = far.argmax()
        weight = 1.0
        if neighbors:
            around = index.kneighbors(bank[found[worst]][None], neighbors)[1][0]
            assert around[0] == found[worst]
            weight = 1 - softmax(np.linalg.norm(patches[worst] - bank[around], axis=1))[0]
        assert float(score) == pytest.approx(far[worst] * weight, rel=1e-4)


@pytest.mark.parametrize(
    ("options", "kept"),
    [({"coreset": 0.1}, 96), ({"coreset": 0.5, "most": 50}, 50), ({"coreset": 1e-9}, 1), ({"coreset": 1.0}, 960)],
    ids=str,
)
def test_the_bank_is_a_share_of_the_normal_patches(options: dict[str, Any], kept: int) -> None:
    detector = fit(**options)
    assert len(detector.bank) == kept
    assert len(ROWS) * PATCHES == 960
    assert distances(detector.bank, normal_patches(detector)).amin(1).max() < 1e-4
    assert torch.isfinite(detector.score(PROBE).scores).all()
    assert (detector.score(PROBE).scores > 0).all()


def test_what_is_in_the_bank_is_no_anomaly() -> None:
    detector = fit(coreset=1.0)
    known = torch.from_numpy(IMAGES[:2]).permute(0, 3, 1, 2) / 255
    assert detector.score(known).scores.max() < 1e-3 * detector.score(PROBE).scores.min()


@pytest.mark.training
def test_a_coreset_covers_the_patches_better_than_a_random_choice() -> None:
    detector = fit(levels=(2, 3), side=64)  # enough features to be projected
    assert detector.depth > patchcore.PROJECTED
    patches = normal_patches(detector)
    drawn = patches[torch.randperm(len(patches), generator=torch.Generator().manual_seed(0))[: len(detector.bank)]]
    covered, random = (distances(patches, bank).amin(1).max() for bank in (detector.bank, drawn))
    assert covered < random  # measured .90 of it


def test_of_many_images_an_equal_number_of_patches_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fit(coreset=1.0)
    monkeypatch.setattr(patchcore, "HELD", 10 * len(ROWS) * whole.depth)
    held: dict[str, float] = {}
    detector = PatchCore((3, 24, 32), coreset=1.0, side=32, levels=(1, 2))
    detector.fit(
        FitInputs(images=IMAGES, train=ROWS, val=ROWS[:0], seed=0, log=lambda values, step=None: held.update(values))
    )
    assert held == {"train/patches": 200, "train/kept_patches": 200}
    per_image = normal_patches(detector).unflatten(0, (20, PATCHES))
    found = torch.stack([(distances(image, detector.bank).amin(1) < 1e-4).sum() for image in per_image])
    assert found.tolist() == [10] * 20


def test_a_seed_decides_the_bank() -> None:
    assert torch.equal(fit().bank, fit().bank)
    assert not torch.equal(fit().bank, fit(seed=1).bank)
