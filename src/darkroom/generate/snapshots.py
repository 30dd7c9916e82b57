"""Samples from the same noise at several epochs of training, to look at and to measure later.

`generate evaluate` measures them: training does not depend on the judge.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from darkroom import sheets
from darkroom.fit.batches import as_bytes
from darkroom.generate.model import GenerativeModel, even_labels
from darkroom.randomness import derive

EPOCHS, SAMPLES, STRIP = "progress.csv", "progress.npy", "progress.png"
ROWS, COLUMNS = 4, 10
"""Size of the grid in the animation; classes take turns along it."""
DRAWN, BYTES = 200, 50_000_000
"""Samples per snapshot, the grid's included: few, as a diffusion model takes seconds to draw them. Fewer, but at least the
grid's, if all snapshots together would exceed `BYTES`."""
FRAME, LAST, LOOPS = 500, 3000, 3
"""Milliseconds per frame and for the last frame; how often the animation plays before it stops there."""


class Snapshots:
    """Samples at `times` epochs, closer together at the start, all from the same noise and labels.

    `shape` is that of the images (C, H, W); `due` are the epochs, counted from 1.
    """

    def __init__(self, *, classes: int, shape: tuple[int, ...], epochs: int, times: int, seed: int) -> None:
        self.due = {int(epoch) for epoch in np.geomspace(1, epochs, times).round()} | {epochs}
        few = BYTES // (len(self.due) * int(np.prod(shape)))
        self.labels, self.seed = even_labels(min(DRAWN, max(ROWS * COLUMNS, few)), classes), seed
        self.epochs: list[int] = []
        self.drawn: list[torch.Tensor] = []

    def draw(self, network: GenerativeModel, epoch: int) -> None:
        """Draw the samples of this epoch, in evaluation mode; afterwards the network is in training mode."""
        network.eval()
        draws = torch.Generator().manual_seed(derive(self.seed, "progress"))
        with torch.inference_mode():
            images = as_bytes(network.sample(self.labels, draws).cpu())
        network.train()
        self.epochs.append(epoch)
        self.drawn.append(torch.from_numpy(images.copy()))

    def write(self, folder: Path) -> None:
        """Write the samples (T, N, H, W, C), their epochs, and the grids as an animated PNG that stops at the last one."""
        pd.DataFrame({"epoch": self.epochs}).to_csv(folder / EPOCHS, index=False)
        np.save(folder / SAMPLES, torch.stack(self.drawn).numpy())
        grids = [sheets.tile(each[: ROWS * COLUMNS].numpy(), columns=COLUMNS, height=56) for each in self.drawn]
        first, *others = [Image.fromarray(grid) for grid in grids]
        spans = [FRAME] * len(others) + [LAST]
        first.save(folder / STRIP, save_all=True, append_images=others, duration=spans, loop=LOOPS)
