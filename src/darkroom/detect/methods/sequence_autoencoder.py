"""Reconstruction by a recurrent autoencoder that reads an image row by row (Srivastava et al. 2015).

The encoder's last state becomes the code. The decoder starts from it and emits the rows in reverse order, since the encoder
has seen the last row most recently. Both use gated recurrent units (Cho et al. 2014).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from darkroom.detect.methods.trained import ReconstructionTask, TrainedReconstruction
from darkroom.detect.options import ErrorOption, LatentOption, SmoothingOption
from darkroom.fit.config import Training
from darkroom.registry import register
from darkroom.settings import Count


@register("detector", "sequence_autoencoder")
class SequenceAutoencoder(TrainedReconstruction):
    """Recurrent autoencoder of images as sequences of rows."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        latent: LatentOption = 16,
        width: Annotated[Count, Field(description="dimensions of the recurrent state")] = 64,
        error: ErrorOption = "mse",
        smoothing: SmoothingOption = 0.0,
    ) -> None:
        super().__init__(error=error, smoothing=smoothing)
        self.shape = shape
        channels, _, row = shape
        self.encoder = nn.GRU(channels * row, width, batch_first=True)
        self.to_code = nn.Linear(width, latent)
        self.to_state = nn.Linear(latent, width)
        self.decoder = nn.GRU(latent, width, batch_first=True)
        self.to_row = nn.Linear(width, channels * row)

    def encode(self, images: Tensor) -> Tensor:
        """Return the codes (B, D) of images (B, C, H, W)."""
        _, last = self.encoder(images.transpose(1, 2).flatten(2))  # (B, H, C W) -> (1, B, S)
        code: Tensor = self.to_code(last[0])
        return code

    def reconstruct(self, images: Tensor) -> Tensor:
        """Encode and decode images (B, C, H, W); the decoder receives the code at every row."""
        channels, height, row = self.shape
        code = self.encode(images)
        states, _ = self.decoder(code[:, None].expand(-1, height, -1), self.to_state(code)[None])  # (B, H, S)
        rows: Tensor = self.to_row(states.flip(1))
        output: Tensor = rows.unflatten(2, (channels, row)).transpose(1, 2)
        return output.float()

    def task(self, training: Training) -> ReconstructionTask:
        """Return the module that trains both halves."""
        return ReconstructionTask(self, training)
