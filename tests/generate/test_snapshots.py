"""Snapshots: samples from the same noise while a model trains, kept across interruptions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from darkroom.data.store import Store, open_store
from darkroom.fit import trainer
from darkroom.fit.batches import as_tensor, training_batches
from darkroom.fit.config import Training
from darkroom.generate import snapshots
from darkroom.generate.model import GenerativeModel
from darkroom.generate.snapshots import COLUMNS, DRAWN, ROWS, SAMPLES, STRIP, Snapshots
from darkroom.generate.task import GeneratorTask, SnapshotObserver
from darkroom.log import Log, silent


class Brightens(GenerativeModel):
    """Shows real images, brighter as its one weight grows."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.classes = len(store.classes)
        self.weight = nn.Parameter(torch.zeros(1))
        self.register_buffer("images", as_tensor(store.samples[store.rows("train")]))

    def task(self, training: Training) -> GeneratorTask:
        return GeneratorTask(self, training)

    def losses(self, images: Tensor, labels: Tensor, *, progress: float = 1.0) -> dict[str, Tensor]:
        return {"loss": (self.weight - 1).square().sum()}

    def sample(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        assert not self.training
        assert torch.is_inference_mode_enabled()
        chosen = torch.randint(len(self.images), (len(labels),), generator=generator)  # type: ignore[arg-type]
        return self.images[chosen] * torch.sigmoid(self.weight)  # type: ignore[index, no-any-return]


def run(digits: Path, *, log: Log = silent, saved: Path | None = None) -> Snapshots:
    store = open_store(digits)
    torch.manual_seed(0)
    model = Brightens(store)
    made = Snapshots(classes=10, shape=store.shape, epochs=8, times=4, seed=0)
    batches = training_batches(store, store.rows("train")[:128], None, batch_size=64, seed=0)
    training = Training(epochs=8, optimizer={"name": "adamw", "lr": 0.3})  # type: ignore[arg-type]
    trainer.fit(
        model.task(training),
        batches,
        None,
        seed=0,
        log=log,
        checkpoints=saved,
        observers=[SnapshotObserver(made)],
    )
    return made


def test_the_animation_shows_the_same_noise_and_stops_at_the_end(digits: Path, tmp_path: Path) -> None:
    made = run(digits)
    made.write(tmp_path)
    assert made.epochs == [1, 2, 4, 8]
    assert np.load(tmp_path / SAMPLES).shape == (4, DRAWN, 8, 8, 1)
    strip = Image.open(tmp_path / STRIP)
    assert strip.n_frames == 4
    assert strip.info["loop"] == snapshots.LOOPS
    first, last = (frame.float() for frame in (made.drawn[0], made.drawn[-1]))
    assert last.mean() > first.mean()
    assert np.corrcoef(first.flatten(), last.flatten())[0, 1] > 0.99


def test_large_images_are_drawn_fewer_times_but_fill_the_grid() -> None:
    few = Snapshots(classes=3, shape=(3, 512, 512), epochs=10, times=10, seed=0)
    assert len(few.labels) == ROWS * COLUMNS


def test_an_interrupted_run_keeps_what_it_drew(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(digits)
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", -1.0)

    def stop(values: object, step: int | None = None) -> None:
        if step == 5 * 2:  # two steps per epoch
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, SystemExit)):
        run(digits, log=stop, saved=tmp_path)
    resumed = run(digits, saved=tmp_path)
    assert resumed.epochs == whole.epochs
    assert all(torch.equal(one, other) for one, other in zip(resumed.drawn, whole.drawn, strict=True))
