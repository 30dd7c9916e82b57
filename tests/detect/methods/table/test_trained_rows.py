"""Detectors of rows that gradient steps train: a linear autoencoder is PCA, and the VAE's score the one of An & Cho."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import distributions

from darkroom import registry
from darkroom.detect.config import DetectorTraining, is_trained
from darkroom.detect.detector import Detector, FitInputs
from darkroom.fit.config import Training
from darkroom.nets.table.modes import mixtures

SHAPE = (0, 0, 0, 3)
GENERATOR = np.random.default_rng(0)
HIDDEN = GENERATOR.normal(size=(400, 2)) * [3, 1]
NUMBERS = HIDDEN @ GENERATOR.normal(size=(2, 3)) + 0.1 * GENERATOR.normal(size=(400, 3))
ROWS = np.column_stack([NUMBERS, GENERATOR.integers(0, 3, 400)]).astype(np.float32)
ASKED = torch.from_numpy(ROWS[300:])
NAMES = ("table_autoencoder", "table_vae")


def fitted(name: str, rows: Any = ROWS, shape: tuple[int, ...] = SHAPE, **options: Any) -> Detector:
    torch.manual_seed(0)
    training: Training = options.pop("training", DetectorTraining(epochs=3))
    detector: Detector = registry.load("detector", name)(shape, **options)
    detector.fit(FitInputs(images=rows, train=np.arange(300), val=np.arange(300, 310), training=training, seed=3))
    return detector.eval()


@pytest.mark.training
def test_a_linear_autoencoder_leaves_the_error_of_principal_components() -> None:
    how = {"name": "adam", "lr": 0.02}
    training = DetectorTraining.model_validate({"epochs": 50, "batch_size": 50, "optimizer": how})
    detector = fitted("table_autoencoder", ROWS[:, :3], SHAPE[:3], hidden=[], latent=1, training=training)
    train, asked = (
        (ROWS[part, :3] - ROWS[:300, :3].mean(0)) / ROWS[:300, :3].std(0) for part in (slice(300), slice(300, 400))
    )
    direction = np.linalg.svd(train)[2][0]
    wanted = np.square(asked - np.outer(asked @ direction, direction)).sum(1)
    with torch.inference_mode():
        scores = detector.score(ASKED[:, :3]).scores.numpy() * 6  # three numbers, three indicators of missing ones
    np.testing.assert_allclose(scores, wanted, atol=0.05)


def test_the_score_of_the_vae_is_minus_the_mean_log_probability_of_the_row() -> None:
    detector: Any = fitted("table_vae", draws=7)
    model, cells = detector.model, detector.model.cells
    rows = ASKED[:6].clone()
    rows[0, 1], rows[1, 3], rows[2, 3] = torch.nan, torch.nan, 3
    mean, log_variance = model.encode(rows, torch.full((6,), -1))
    total, scale = torch.zeros(6), cells.log_scale.clamp(np.log(0.01), 0).exp()
    for draw in detector.noise:
        output = model.decoder(mean + draw * (log_variance / 2).exp())
        for row, (given, found) in enumerate(zip(rows, output, strict=True)):
            for column in range(3):
                here = torch.isnan(given[column])
                total[row] += distributions.Categorical(logits=found[3 + 2 * column :][:2]).log_prob(here.long())
                if not here:
                    offset = (given[column] - cells.modes.mean[column, 0]) / (4 * cells.modes.std[column, 0])
                    total[row] += distributions.Normal(found[column], scale[column]).log_prob(offset)
            code = torch.tensor(4.0) if given[3].isnan() else given[3]
            total[row] += distributions.Categorical(logits=found[9:]).log_prob(code)
    assert torch.allclose(detector.score(rows).scores, -total / 7, rtol=1e-4)
    detector.scored_by = "elbo"
    prior = distributions.Normal(torch.zeros(()), torch.ones(()))
    kl = distributions.kl_divergence(distributions.Normal(mean, (log_variance / 2).exp()), prior).sum(1)
    assert torch.allclose(detector.score(rows).scores, kl - total / 7, rtol=1e-4)


@pytest.mark.training
@pytest.mark.parametrize("name", NAMES)
def test_scores_are_finite_repeat_and_do_not_depend_on_the_batch(name: str) -> None:
    first, again = fitted(name), fitted(name)
    asked = ASKED[:5].clone()
    asked[0, :3] = torch.tensor([1e3, -1e3, 1e3])
    asked[1], asked[2, 3] = torch.nan, 3
    scores = first.score(asked).scores
    assert torch.isfinite(scores).all()
    assert int(scores[[0, 3, 4]].argmax()) == 0
    assert torch.equal(scores, again.score(asked).scores)
    assert torch.allclose(scores, torch.cat([first.score(row[None]).scores for row in asked]), rtol=1e-4)
    assert is_trained(registry.options("detector", name)())


def test_mixtures_are_those_of_scikit_learn() -> None:
    from sklearn.mixture import GaussianMixture

    values = np.concatenate([GENERATOR.normal(-4, 1, 300), GENERATOR.normal(3, 0.5, 200), GENERATOR.normal(9, 2, 100)])
    column = torch.from_numpy(values)[:, None]
    found = mixtures(torch.cat([column, column.new_full((50, 1), torch.nan)]), 3)
    start = np.quantile(values, [1 / 6, 1 / 2, 5 / 6])[:, None]
    precision = np.full((3, 1, 1), 9 / values.var())
    model = GaussianMixture(
        3, means_init=start, precisions_init=precision, weights_init=[1 / 3] * 3, tol=0, max_iter=50, reg_covar=0
    )
    with pytest.warns(Warning, match="did not converge"):
        model.fit(values[:, None])
    for own, theirs in (
        (found.weight, model.weights_),
        (found.mean, model.means_),
        (found.std.square(), model.covariances_),
    ):
        np.testing.assert_allclose(own[0], theirs.ravel(), rtol=1e-3)
