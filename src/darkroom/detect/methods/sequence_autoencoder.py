"""Reconstruction by a recurrent autoencoder (Srivastava et al. 2015): an image read row by row, and written again.

The encoder's last state becomes the code. The decoder begins from it and gives the rows in reverse order, the last one
first, as that is what the encoder saw last. Its units are gated recurrent ones (Cho et al. 2014).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from darkroom.detect.methods.trained import ReconstructionTask, TrainedReconstruction
from darkroom.fit.config import Training
from darkroom.registry import register
from darkroom.settings import Count, ErrorOption, SmoothingOption


@register("detector", "sequence_autoencoder")
class SequenceAutoencoder(TrainedReconstruction):
    """Recurrent autoencoder that takes an image as a sequence of rows."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        training: Training | None = None,
        *,
        latent: Annotated[Count, Field(description="numbers in a code")] = 16,
        width: Annotated[Count, Field(description="numbers in a recurrent state")] = 64,
        error: ErrorOption = "mse",
        smoothing: SmoothingOption = 0.0,
    ) -> None:
        super().__init__(training, error=error, smoothing=smoothing)
        self.shape = shape
        channels, _, row = shape
        self.encoder = nn.GRU(channels * row, width, batch_first=True)
        self.to_code = nn.Linear(width, latent)
        self.to_state = nn.Linear(latent, width)
        self.decoder = nn.GRU(latent, width, batch_first=True)
        self.to_row = nn.Linear(width, channels * row)

    def encode(self, images: Tensor) -> Tensor:
        """The code (B, D) of images (B, C, H, W)."""
        _, last = self.encoder(images.transpose(1, 2).flatten(2))  # (B, H, C W) -> (1, B, S)
        code: Tensor = self.to_code(last[0])
        return code

    def reconstruct(self, images: Tensor) -> Tensor:
        """Each image (B, C, H, W) after the way through its code, which the decoder is also told at every row."""
        channels, height, row = self.shape
        code = self.encode(images)
        states, _ = self.decoder(code[:, None].expand(-1, height, -1), self.to_state(code)[None])  # (B, H, S)
        rows: Tensor = self.to_row(states.flip(1))
        output: Tensor = rows.unflatten(2, (channels, row)).transpose(1, 2)
        return output.float()

    def task(self, training: Training) -> ReconstructionTask:
        """The shell that trains both halves."""
        return ReconstructionTask(self, training)
