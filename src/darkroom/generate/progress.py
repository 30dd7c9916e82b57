"""What a generative model draws while it trains: samples from the same noise, to be looked at and to be measured later.

They are measured by the evaluation, not here: a model does not depend on the judge that looks at it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytorch_lightning as pl
import torch
from PIL import Image

from darkroom import figures
from darkroom.fit.batches import as_bytes
from darkroom.generate.model import GenerativeModel, even_labels
from darkroom.randomness import derive

EPOCHS, SAMPLES, STRIP = "progress.csv", "progress.npy", "progress.png"
ROWS, COLUMNS = 4, 10
"""Of the grid that is drawn; classes take turns along it."""
DRAWN, BYTES = 200, 50_000_000
"""Samples drawn each time, the grid's among them: few, as a diffusion model takes seconds for them; and fewer, but the
grid's, where all together would take more bytes."""
FRAME, LAST, LOOPS = 500, 3000, 3
"""Milliseconds of each picture of the strip and of its last one; how often it plays before it stops there."""


class Progress(pl.Callback):
    """Draws samples from the same noise and labels at `times` epochs, early ones closer together.

    Kept in checkpoints, so that a resumed run has what came before. `shape` is that of the images (C, H, W).
    """

    def __init__(self, *, classes: int, shape: tuple[int, int, int], epochs: int, times: int, seed: int) -> None:
        self.when = {int(epoch) for epoch in np.geomspace(1, epochs, times).round()} | {epochs}
        few = BYTES // (len(self.when) * int(np.prod(shape)))
        self.labels, self.seed = even_labels(min(DRAWN, max(ROWS * COLUMNS, few)), classes), seed
        self.epochs: list[int] = []
        self.drawn: list[torch.Tensor] = []

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        epoch = trainer.current_epoch + 1
        if epoch not in self.when:
            return
        network: GenerativeModel = pl_module.network
        network.eval()
        draws = torch.Generator().manual_seed(derive(self.seed, "progress"))
        with torch.inference_mode(), torch.autocast(pl_module.device.type, enabled=False):
            images = as_bytes(network.sample(self.labels, draws).cpu())
        network.train()
        self.epochs.append(epoch)
        self.drawn.append(torch.from_numpy(images.copy()))

    def write(self, folder: Path) -> None:
        """The samples (T, N, H, W, C) with their epochs, and the grids as an animated PNG that stops at its last one."""
        pd.DataFrame({"epoch": self.epochs}).to_csv(folder / EPOCHS, index=False)
        np.save(folder / SAMPLES, torch.stack(self.drawn).numpy())
        grids = [figures.tile(each[: ROWS * COLUMNS].numpy(), columns=COLUMNS, height=56) for each in self.drawn]
        first, *others = [Image.fromarray(grid) for grid in grids]
        spans = [FRAME] * len(others) + [LAST]
        first.save(folder / STRIP, save_all=True, append_images=others, duration=spans, loop=LOOPS)

    def state_dict(self) -> dict[str, Any]:
        return {"epochs": self.epochs, "drawn": self.drawn}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self.epochs, self.drawn = state_dict["epochs"], state_dict["drawn"]
