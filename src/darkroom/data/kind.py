"""What the samples of a store are: images, recordings, texts, or rows of a table.

A source names its kind in a constant `KIND`; without one, it gives images. Every plug-in that touches samples lists the kinds
it takes in a constant `TAKES`; without one, it takes images only.

kind    samples                                    shape, as networks take it            tensor
image   uint8 (N, H, W, C)                         (C, H, W)                             float (B, C, H, W) in [0, 1]
audio   int16 (N, T), all at one sampling rate     (T, rate in Hz)                       float (B, T) in [-1, 1)
text    int32 (N, L), token ids; 0 is padding      (L, size of the vocabulary)           int64 (B, L)
table   float32 (N, D); NaN is missing             categories of each column, 0 for      float (B, D)
                                                   a number; categories are codes
"""

from __future__ import annotations

from typing import Literal, TypeAlias

SampleKind: TypeAlias = Literal["image", "audio", "text", "table"]
Shape: TypeAlias = tuple[int, ...]
PLURAL: dict[SampleKind, str] = {"image": "images", "audio": "recordings", "text": "texts", "table": "rows"}
"""What people call the samples of each kind."""
SINGULAR: dict[SampleKind, str] = {"image": "image", "audio": "recording", "text": "text", "table": "row"}
