"""Samples drawn on the way: from the same noise, kept over an interruption, and what they tell of the training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
from darkroom.generate import progress
from darkroom.generate.evaluation.course import draw_course, followed
from darkroom.generate.evaluation.spaces import Judge
from darkroom.generate.model import GenerativeModel
from darkroom.generate.progress import COLUMNS, DRAWN, ROWS, SAMPLES, STRIP, Progress
from darkroom.log import Log, silent


class Pixels(nn.Module):
    """A judge whose features are the pixels, and who sees class 3 in bright images and class 0 in others."""

    def features(self, images: Tensor) -> Tensor:
        return images.flatten(1)

    def forward(self, images: Tensor) -> Tensor:
        bright = images.mean((1, 2, 3)) > 0.5
        return nn.functional.one_hot(torch.where(bright, 3, 0), 10).float()


class Repeats(GenerativeModel):
    """Shows real images, `different` of them over and over, brighter as its one weight grows."""

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
    made = Progress(classes=10, shape=store.shape, epochs=epochs, times=4, seed=0)
    batches = training_batches(store, store.rows("train")[:128], None, batch_size=64, seed=0)
    training = Training(epochs=epochs, optimizer={"name": "adamw", "lr": 0.3})  # type: ignore[arg-type]
    model.fit(batches, None, training, seed=0, log=log, checkpoints=saved, callbacks=[made])
    return made


def test_the_strip_shows_the_same_noise_and_stops_at_the_end(digits: Path, tmp_path: Path) -> None:
    made = run(digits)
    made.write(tmp_path)
    assert made.epochs == [1, 2, 4, 8]
    assert np.load(tmp_path / SAMPLES).shape == (4, DRAWN, 8, 8, 1)
    strip = Image.open(tmp_path / STRIP)
    assert strip.n_frames == 4
    assert strip.info["loop"] == progress.LOOPS
    first, last = (frame.float() for frame in (made.drawn[0], made.drawn[-1]))
    assert last.mean() > first.mean()
    assert np.corrcoef(first.flatten(), last.flatten())[0, 1] > 0.99


def test_large_images_are_drawn_fewer_times_but_fill_the_grid() -> None:
    few = Progress(classes=3, shape=(3, 512, 512), epochs=10, times=10, seed=0)
    assert len(few.labels) == ROWS * COLUMNS


def test_a_model_that_repeats_itself_covers_less(digits: Path, tmp_path: Path) -> None:
    store = open_store(digits)
    judge, held_out = Judge(Pixels(), store.classes, ""), store.images[store.rows("val")]
    covered = []
    for different in (1000, 2):
        run(digits, different=different, epochs=1).write(tmp_path)
        covered.append(followed(tmp_path, judge, held_out)["coverage"].iloc[-1])
    assert covered[0] > 3 * covered[1]


def test_the_course_tells_when_classes_were_lost(digits: Path, tmp_path: Path) -> None:
    store = open_store(digits)
    bright, dark = np.full((10, 8, 8, 1), 255, np.uint8), np.zeros((10, 8, 8, 1), np.uint8)
    np.save(tmp_path / SAMPLES, np.stack([np.concatenate([bright, dark]), np.concatenate([bright, bright])]))
    pd.DataFrame({"epoch": [1, 5]}).to_csv(tmp_path / progress.EPOCHS, index=False)
    table = followed(tmp_path, Judge(Pixels(), store.classes, ""), store.images[:20])
    assert table["classes"].tolist() == [2, 1]
    assert table["largest_class"].tolist() == [0.5, 1.0]
    draw_course(table, tmp_path / "course.png")
    assert (tmp_path / "course.png").exists()


@pytest.mark.parametrize(("reason", "held_out", "columns"), [("no labels", 20, ["epoch", "coverage"]), ("", 3, None)])
def test_what_cannot_be_followed_is_left_out(
    digits: Path, tmp_path: Path, reason: str, held_out: int, columns: list[str] | None
) -> None:
    store: Any = open_store(digits)
    run(digits, epochs=1).write(tmp_path)
    table = followed(tmp_path, Judge(Pixels(), store.classes, reason), store.images[:held_out])
    assert list(table) == (columns or ["epoch", "classes", "largest_class"])


def test_an_interrupted_run_keeps_what_it_drew(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(digits)
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", -1.0)

    def stop(values: object, step: int | None = None) -> None:
        if step == 5 * 2:  # two steps an epoch
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, SystemExit)):
        run(digits, log=stop, saved=tmp_path)
    resumed = run(digits, saved=tmp_path)
    assert resumed.epochs == whole.epochs
    assert all(torch.equal(one, other) for one, other in zip(resumed.drawn, whole.drawn, strict=True))
