"""What a generative model draws while it trains: grids from the same noise, and whether its samples collapse.

A collapsed model draws some of what there is over and over. Two signs are watched on the same few samples: which
classes an independent classifier sees in them, and the share of held-out images that have a sample near them
(coverage, Naeem et al. 2020).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from PIL import Image

from darkroom import figures
from darkroom.fit.batches import as_bytes
from darkroom.generate.model import GenerativeModel, even_labels
from darkroom.generate.spaces import Judge
from darkroom.log import Log
from darkroom.measure.manifold import NEIGHBOURS, manifold
from darkroom.randomness import derive

PROGRESS, STRIP = "progress.csv", "progress.png"
ROWS, COLUMNS = 4, 10
"""Of the grid that is drawn; classes take turns along it."""
MEASURED = 200
"""Samples that are measured each time, the grid's among them: few, as a diffusion model takes seconds for them."""
FRAME, LAST, LOOPS = 500, 3000, 3
"""Milliseconds of each picture of the strip and of its last one; how often it plays before it stops there."""


class Progress(pl.Callback):
    """Draws samples from the same noise and labels at `times` epochs, early ones closer together, and measures them.

    `held_out` are images (N, H, W, C) uint8 that the model does not train on; without them, or with a judge that learned
    nothing, the measures are left out. Kept in checkpoints, so that a resumed run has what came before.
    """

    def __init__(
        self,
        *,
        classes: int,
        epochs: int,
        times: int,
        judge: Judge,
        held_out: NDArray[np.uint8],
        seed: int,
        log: Log,
    ) -> None:
        self.when = {int(epoch) for epoch in np.geomspace(1, epochs, times).round()} | {epochs}
        self.classes, self.seed, self.tell, self.judge = classes, seed, log, judge
        self.labels = even_labels(MEASURED, classes)
        self.frames: list[torch.Tensor] = []
        self.rows: list[dict[str, Any]] = []
        few = np.linspace(0, len(held_out) - 1, min(MEASURED, len(held_out))).round().astype(np.int64)
        self.real = judge.look(held_out[few]) if len(few) > NEIGHBOURS else None

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        epoch = trainer.current_epoch + 1
        if epoch not in self.when:
            return
        network: GenerativeModel = pl_module.network
        network.eval()
        draws = torch.Generator().manual_seed(derive(self.seed, "progress"))
        with torch.inference_mode(), torch.autocast(pl_module.device.type, enabled=False):
            images = as_bytes(network.sample(self.labels, draws))
        network.train()
        self.frames.append(torch.from_numpy(images[: ROWS * COLUMNS].copy()))
        self.rows.append({"epoch": epoch, **self._measures(images)})
        self.tell({f"samples/{name}": value for name, value in self.rows[-1].items() if name != "epoch"}, epoch)

    def _measures(self, images: NDArray[np.uint8]) -> dict[str, float]:
        found: dict[str, float] = {}
        if self.judge.trained:
            counts = np.bincount(self.judge.answer(images), minlength=len(self.judge.classes))
            found |= {"classes": int((counts > 0).sum()), "largest_class": float(counts.max() / counts.sum())}
        if self.real is not None:
            found["coverage"] = manifold(self.real, self.judge.look(images)).coverage
        return found

    def write(self, folder: Path) -> None:
        """The strip as an animated PNG that stops at its last picture, and the measures as a table."""
        sheets = [figures.tile(frame.numpy(), columns=COLUMNS, height=56) for frame in self.frames]
        first, *others = [Image.fromarray(sheet) for sheet in sheets]
        spans = [FRAME] * len(others) + [LAST]
        first.save(folder / STRIP, save_all=True, append_images=others, duration=spans, loop=LOOPS)
        pd.DataFrame(self.rows).to_csv(folder / PROGRESS, index=False)

    def state_dict(self) -> dict[str, Any]:
        return {"frames": self.frames, "rows": self.rows}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self.frames, self.rows = state_dict["frames"], state_dict["rows"]
