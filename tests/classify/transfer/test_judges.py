"""Probes as judges of audits and labels: no epoch is trained, the backbone stays, and what is relearned is a head, too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from darkroom.audit import relearn, train
from darkroom.audit.config import Audit, MeasureSpec, TrainSpec
from darkroom.classify.transfer.head_first import HeadFirst
from darkroom.classify.transfer.heads.examples import Examples
from darkroom.data.store import open_store
from darkroom.fit.batches import Batches, Pool, as_tensor
from darkroom.labels.config import FindSpec, Labels
from darkroom.labels.evidence import collect
from darkroom.log import silent

Weights = Callable[[str], Path]


def judge(weights: Weights, **more: Any) -> dict[str, Any]:
    network = {
        "name": "pretrained",
        "backbone": "test_efficientnet",
        "weights": str(weights("test_efficientnet")),
        "size": 32,
    }
    return {"network": network, "transfer": "probe", "folds": 2, **more}


def test_a_probe_judges_without_a_training_loop_and_gives_evidence(
    few: Path, weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("darkroom.fit.trainer.fit", None)  # calling it would fail
    store = open_store(few)
    for fold in range(2):
        spec = TrainSpec.model_validate({**judge(weights), "fold": fold, "training": {}})
        train.run(spec, data=few, out=tmp_path / "models" / f"fold-{fold}", log=silent)
    found = collect(FindSpec.model_validate(judge(weights)), store, tmp_path / "models")
    assert (found.judged.argmax(1) == found.labels).mean() > 0.3  # random features of ten classes


def test_a_probe_relearns_on_copies_that_stay_with_their_originals(
    few: Path, weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inverted copies of other labels: a head that learns from originals and copies tells both apart."""
    seen: list[Examples] = []
    put = HeadFirst.put
    monkeypatch.setattr(
        HeadFirst, "put", lambda way, network, found, to: put(way, network, seen.append(found) or found, to)
    )
    store = open_store(few)
    rows = np.flatnonzero(store.items["split"] == "train")
    variants = np.stack([rows, len(store.samples) + np.arange(len(rows))], axis=1)
    pool = Pool([store.samples, 255 - store.samples[rows]])
    batches = Batches(pool, variants.reshape(-1, 1), np.tile([0, 1], len(rows)), batch_size=32, seed=0)
    spec = MeasureSpec.model_validate(judge(weights, name="some", policy={"copies": 1, "offline": ["hflip"]}))
    target = relearn.Target("class", ("original", "inverted"))
    network = relearn.trained(spec, store, rows, batches, target=target, loss=spec.loss)
    assert torch.equal(seen[0].folds[::2], seen[0].folds[1::2])
    assert len(seen[0].folds.unique()) > 1
    with torch.inference_mode():
        plain, inverted = (network(as_tensor(pool.take(column))).argmax(1) for column in variants.T)
    assert (plain == 0).float().mean() > 0.95
    assert (inverted == 1).float().mean() > 0.95


def test_transfer_of_judges_needs_a_pretrained_network(weights: Weights) -> None:
    for section in (Audit, Labels):
        assert section.model_validate(judge(weights)).transfer.name == "probe"  # type: ignore[union-attr]
        with pytest.raises(ValidationError, match="transfer is probe, but the network resnet is not pretrained"):
            section.model_validate({"network": "resnet", "transfer": "probe"})
