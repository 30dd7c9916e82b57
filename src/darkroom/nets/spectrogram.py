"""A network on sound: a log-mel spectrogram, seen as a gray image by an image network."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from darkroom import registry
from darkroom.nets.layers import Standardize
from darkroom.nets.log_mel import Cepstrum, LogMel
from darkroom.nets.options import Hop, Mels, Window
from darkroom.registry import Plugin, register
from darkroom.settings import Count, NonNegative, Positive, Section


@register("network", "spectrogram")
class Spectrogram(nn.Module):
    """The log-mel spectrogram or its cepstral coefficients as a gray image, and any image network on it."""

    TAKES = ("audio",)
    TRAINING = {"optimizer": {"lr": 0.01}, "schedule": {"cycle_momentum": False}}

    def __init__(
        self,
        shape: tuple[int, int],
        classes: int,
        *,
        network: Annotated[
            Section,
            Plugin("network", default="resnet", without=("spectrogram",)),
            Field(validate_default=True, description="the image network"),
        ] = {"name": "resnet"},  # type: ignore[assignment]  # noqa: B006
        window: Window = 32.0,
        hop: Hop = 10.0,
        mels: Mels = 40,
        low: Annotated[NonNegative, Field(description="lowest frequency in hertz")] = 20.0,
        high: Annotated[
            Positive | None, Field(description="highest frequency; default: half the sampling rate")
        ] = None,
        range: Annotated[Positive, Field(description="dynamic range: decibels below the loudest value")] = 80.0,
        relative: Annotated[
            bool, Field(description="relative to each recording's loudest value, so that loudness does not matter")
        ] = True,
        features: Annotated[
            Literal["log_mel", "mfcc"], Field(description="the spectrogram itself, or its cepstral coefficients")
        ] = "log_mel",
        coefficients: Annotated[Count, Field(description="number of coefficients of `mfcc`")] = 20,
    ) -> None:
        super().__init__()
        samples, rate = shape
        self.log_mel = LogMel.in_milliseconds(
            rate, window=window, hop=hop, mels=mels, low=low, high=high, relative=relative, range=range
        )
        self.cepstrum = Cepstrum(mels, min(coefficients, mels)) if features == "mfcc" else nn.Identity()
        height = min(coefficients, mels) if features == "mfcc" else mels
        self.network: nn.Module = registry.build(network, (1, height, self.log_mel.frames(samples)), classes)

    def adapt(self, waves: NDArray[np.int16]) -> None:
        """Load the image network's pretrained weights if it has any, else fit its standardization to recordings (N, T)."""
        if hasattr(self.network, "load_pretrained"):
            self.network.load_pretrained()  # type: ignore[operator]
            return
        seen = self.images(torch.from_numpy(waves.astype(np.float32) / 2**15))
        for module in self.network.modules():
            if isinstance(module, Standardize):
                module.fit(seen.mean()[None], seen.std()[None])

    def images(self, waves: Tensor) -> Tensor:
        """Return what the image network sees: (B, T) in [-1, 1] to (B, 1, H, W)."""
        seen: Tensor = self.cepstrum(self.log_mel(waves))
        return seen

    def features(self, waves: Tensor) -> Tensor:
        """Return the input of the last layer: (B, T) to (B, D)."""
        found: Tensor = self.network.features(self.images(waves))  # type: ignore[operator]
        return found

    @property
    def head(self) -> nn.Module:
        """The last layer of the image network."""
        found: nn.Module = self.network.head  # type: ignore[assignment]
        return found

    def forward(self, waves: Tensor) -> Tensor:  # (B, T) in [-1, 1] -> logits (B, K)
        logits: Tensor = self.network(self.images(waves))
        return logits
