"""Views of recordings for test-time augmentation: each maps waveforms (B, T) to batches of the same shape, see `views`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from darkroom.augment.options import Amount
from darkroom.registry import register


@register("view", "time_shift")
class TimeShift:
    """Shifts later and earlier, with silence entering at the other end: two views."""

    TAKES = ("audio",)
    looks = ("later", "earlier")

    def __init__(
        self,
        *,
        by: Annotated[float, Field(gt=0, lt=1, description="fraction of the length"), Amount("time_shift")] = 0.05,
    ) -> None:
        self.by = by

    def __call__(self, waves: Tensor) -> list[Tensor]:
        length = waves.shape[1]
        n = max(1, round(self.by * length))
        padded = functional.pad(waves, (n, n))
        return [padded[:, :length], padded[:, 2 * n :]]


@register("view", "time_crop")
class TimeCrop:
    """The recording's first, middle and last part, each in the middle of silence: three views."""

    TAKES = ("audio",)
    looks = ("start", "middle", "end")

    def __init__(
        self,
        *,
        share: Annotated[
            float, Field(gt=0, lt=1, description="fraction of the length to keep"), Amount("time_crop", neutral=1.0)
        ] = 0.9,
    ) -> None:
        self.share = share

    def __call__(self, waves: Tensor) -> list[Tensor]:
        length = waves.shape[1]
        kept = max(1, min(round(self.share * length), length - 1))
        before = (length - kept) // 2
        silence = (before, length - kept - before)
        starts = (0, (length - kept) // 2, length - kept)
        return [functional.pad(waves[:, start : start + kept], silence) for start in starts]
