"""Samples drawn on the way: from the same noise, measured, and kept over an interruption."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from darkroom.data.store import Store, open_store
from darkroom.fit import trainer
from darkroom.fit.batches import as_float, training_batches
from darkroom.fit.config import Training
from darkroom.fit.task import Task
from darkroom.generate.model import GenerativeModel
from darkroom.generate.progress import COLUMNS, MEASURED, PROGRESS, ROWS, STRIP, Progress
from darkroom.generate.spaces import Judge
from darkroom.log import Log, silent


class Pixels(nn.Module):
    """A judge whose features are the pixels; it answers with the image's first column, for the tests below."""

    def features(self, images: Tensor) -> Tensor:
        return images.flatten(1)

    def forward(self, images: Tensor) -> Tensor:
        return images[:, 0, :, 0]


class Repeats(GenerativeModel):
    """Shows real images, `different` of them over and over."""

    def __init__(self, store: Store, different: int) -> None:
        super().__init__()
        self.classes = len(store.classes)
        self.weight = nn.Parameter(torch.zeros(1))
        self.register_buffer("images", as_float(store.images[store.rows("train")[:different]]))

    def task(self, training: Training) -> Task:
        class Trained(Task):
            def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
                return {"loss": (self.network.weight - 1).square().sum()}  # type: ignore[operator]

        return Trained(self, training)

    def sample(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        assert not self.training
        assert torch.is_inference_mode_enabled()
        chosen = torch.randint(len(self.images), (len(labels),), generator=generator)  # type: ignore[arg-type]
        return self.images[chosen] * torch.sigmoid(self.weight)  # type: ignore[index, no-any-return]


def run(
    digits: Path, *, different: int = 1000, epochs: int = 8, log: Log = silent, saved: Path | None = None
) -> Progress:
    store = open_store(digits)
    torch.manual_seed(0)
    model = Repeats(store, different)
    held_out = store.images[store.rows("val")]
    judge = Judge(Pixels(), store.classes, "")
    made = Progress(classes=10, epochs=epochs, times=4, judge=judge, held_out=held_out, seed=0, log=log)
    rows = store.rows("train")[:128]
    batches = training_batches(store, rows, None, batch_size=64, seed=0)
    model.fit(
        batches,
        None,
        Training(epochs=epochs, optimizer={"name": "adamw", "lr": 0.3}),
        seed=0,
        log=log,
        checkpoints=saved,
        callbacks=[made],
    )
    return made


def test_the_strip_shows_the_same_noise_and_stops_at_the_end(digits: Path, tmp_path: Path) -> None:
    made = run(digits)
    made.write(tmp_path)
    table = pd.read_csv(tmp_path / PROGRESS)
    assert table["epoch"].tolist() == [1, 2, 4, 8]
    strip = Image.open(tmp_path / STRIP)
    assert strip.n_frames == 4
    assert len(made.frames[0]) == ROWS * COLUMNS
    # the same images each time, brighter as the one weight grows
    first, last = (frame.float() for frame in (made.frames[0], made.frames[-1]))
    assert last.mean() > first.mean()
    assert np.corrcoef(first.flatten(), last.flatten())[0, 1] > 0.99


def test_a_model_that_repeats_itself_covers_less(digits: Path) -> None:
    various, few = (run(digits, different=n, epochs=1).rows[-1]["coverage"] for n in (1000, 2))
    assert various > 3 * few


def test_an_interrupted_run_keeps_what_it_drew(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(digits)
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", -1.0)

    def stop(values: object, step: int | None = None) -> None:
        if step == 5 * 2:  # two steps an epoch
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, SystemExit)):
        run(digits, log=stop, saved=tmp_path)
    resumed = run(digits, saved=tmp_path)
    assert resumed.rows == whole.rows
    assert all(torch.equal(one, other) for one, other in zip(resumed.frames, whole.frames, strict=True))


def test_an_untrained_judge_gives_no_classes(digits: Path) -> None:
    store = open_store(digits)
    made = Progress(
        classes=10,
        epochs=1,
        times=1,
        judge=Judge(Pixels(), store.classes, "no labels"),
        held_out=store.images[:3],
        seed=0,
        log=silent,
    )
    assert made._measures(store.images[:MEASURED]) == {}
