"""A run that was interrupted ends bit for bit as one that was not: weights, codebook, history."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from darkroom.fit import trainer

CASES: dict[str, dict[str, Any]] = {
    "vae": {"warmup": 0.7, "latent": 3, "width": 2},
    "vqvae": {"codes": 5, "width": 2, "size": 3, "prior_width": 8, "prior_layers": 1, "dropout": 0.2},
}


@pytest.mark.parametrize("name", CASES)
def test_an_interrupted_run_ends_the_same(
    name: str, train: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, fitted = train(name, epochs=4, **CASES[name])
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", -1.0)
    ended = []

    def stop(values: dict[str, float], step: int | None = None) -> None:
        if "val/loss" in values:
            ended.append(step)
        if len(ended) == 3:
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train(name, epochs=4, checkpoints=tmp_path, log=stop, **CASES[name])
    later = []
    resumed, again = train(
        name, epochs=4, checkpoints=tmp_path, log=lambda values, step=None: later.append(step), **CASES[name]
    )
    assert min(later) > 6, "whole epochs were trained again"
    assert again.history.equals(fitted.history)
    assert again.steps.equals(fitted.steps)
    expected = whole.state_dict()
    assert [key for key, value in resumed.state_dict().items() if not torch.equal(value, expected[key])] == []
