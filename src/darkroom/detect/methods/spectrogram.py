"""Detectors of images applied to log-mel spectrograms, as for anomalous sounds of machines (Koizumi et al. 2020)."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from darkroom.detect.detector import Detector, FitInputs, Scored, build
from darkroom.fit.batches import as_bytes, as_tensor
from darkroom.fit.model import Fitted, chunks
from darkroom.nets.log_mel import LogMel
from darkroom.nets.options import Hop, Mels, Window
from darkroom.registry import Plugin, register
from darkroom.settings import Positive, Section

BATCH = 64
"""Recordings transformed at a time."""


@register("detector", "spectrogram")
class Spectrogram(Detector):
    """A detector of images on the log-mel spectrograms of recordings; its maps are over frequency and time."""

    TAKES = ("audio",)

    def __init__(
        self,
        shape: tuple[int, int],
        *,
        of: Annotated[
            Section,
            Plugin("detector", default="pca", without=("spectrogram", "average")),
            Field(validate_default=True, description="the detector of images"),
        ] = {"name": "pca"},  # type: ignore[assignment]  # noqa: B006
        window: Window = 32.0,
        hop: Hop = 10.0,
        mels: Mels = 64,
        range: Annotated[Positive, Field(description="dynamic range: decibels below full scale")] = 100.0,
    ) -> None:
        super().__init__()
        samples, rate = shape
        self.log_mel = LogMel.in_milliseconds(rate, window=window, hop=hop, mels=mels, relative=False, range=range)
        self.detector = build(of, (1, mels, self.log_mel.frames(samples)))

    def fit(self, inputs: FitInputs) -> Fitted | None:
        """Fit the detector to the spectrograms of the training and validation rows."""
        rows = np.concatenate([inputs.train, inputs.val])
        with torch.inference_mode():
            parts = [as_bytes(self.log_mel(waves)) for waves in chunks(inputs.images, rows, batch_size=BATCH)]
        return self.detector.fit(
            replace(
                inputs,
                images=np.concatenate(parts),
                train=np.arange(len(inputs.train)),
                val=np.arange(len(inputs.train), len(rows)),
                labels=None if inputs.labels is None else inputs.labels[rows],
            )
        )

    def score(self, images: Tensor) -> Scored:
        """Score recordings (B, T) in [-1, 1]; maps are (B, mels, frames)."""
        return self.detector.score(self.log_mel(images))

    def pictures(self, samples: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the spectrograms (n, mels, frames, 1) of recordings (n, T)."""
        return as_bytes(self.log_mel(as_tensor(samples)))
