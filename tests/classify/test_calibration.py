"""Temperature scaling: the right temperature with enough errors, none without."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from darkroom.classify.calibration import calibrate, fit_temperature, log_softmax, nll, shrunk_temperature

Logits = tuple[NDArray[np.float64], NDArray[np.int64]]


def drawn(images: int, *, scale: float, temperature: float, seed: int = 0) -> Logits:
    """Logits that are `temperature` times too large, with labels drawn from the right probabilities."""
    random = np.random.default_rng(seed)
    logits = scale * random.standard_normal((images, 5))
    chances = np.exp(log_softmax(logits))
    labels = np.array([random.choice(5, p=p) for p in chances])
    return logits * temperature, labels


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def test_many_errors_leave_the_fit_as_it_is() -> None:
    logits, labels = drawn(4000, scale=2, temperature=3)
    found = calibrate(logits, labels, generator=generator())
    assert found.temperature == pytest.approx(3, rel=0.08)
    assert found.temperature == pytest.approx(fit_temperature(logits, labels), rel=0.02)
    assert found.gain is not None
    assert found.gain > 0
    assert found.note == ""


def test_separated_validation_images_do_not_send_the_temperature_to_its_bound() -> None:
    labels = np.arange(200) % 5
    logits = 4.0 * np.eye(5)[labels]
    assert fit_temperature(logits, labels) < 0.2
    found = calibrate(logits, labels, generator=generator())
    assert found.temperature == 1
    assert found.note.startswith("not enough validation images to calibrate: 200, 0 of them misclassified")


def test_few_images_do_not_calibrate() -> None:
    found = calibrate(*drawn(33, scale=2, temperature=3), generator=generator())
    assert (found.temperature, found.gain) == (1, None)
    assert "not enough validation images" in found.note
    assert calibrate(np.empty((0, 5)), np.empty(0, np.int64), generator=generator()).temperature == 1


def test_few_errors_shrink_towards_one() -> None:
    logits, labels = drawn(300, scale=2, temperature=3)
    right = logits.argmax(1) == labels
    kept = np.flatnonzero(right).tolist() + np.flatnonzero(~right)[:6].tolist()
    full, shrunk = fit_temperature(logits[kept], labels[kept]), shrunk_temperature(logits[kept], labels[kept])
    assert np.log(shrunk) == pytest.approx(np.log(full) * 6 / 16)


def test_what_is_calibrated_already_is_not_harmed() -> None:
    losses = []
    for seed in range(20):
        found = calibrate(*drawn(100, scale=2, temperature=1, seed=seed), generator=generator())
        logits, labels = drawn(2000, scale=2, temperature=1, seed=100 + seed)
        losses.append(float((nll(logits / found.temperature, labels) - nll(logits, labels)).mean()))
    assert np.mean(losses) < 0.01
