"""Options that several objectives share; importing this file loads no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from darkroom.settings import Count

Hidden = Annotated[Count, Field(description="hidden units of the heads")]
Output = Annotated[Count, Field(ge=2, description="dimensions of the embeddings that the loss compares")]
Decay = Annotated[float, Field(gt=0, lt=1, description="EMA decay of the teacher's weights")]
MaskRatio = Annotated[float, Field(gt=0, lt=1, description="share of the patches that are hidden")]

SIMCLR_VIEWS = (
    {"name": "crop", "area": 0.08, "ratio": 1.33, "interpolation": "linear"},
    {"name": "hflip"},
    {"name": "brightness", "by": 0.4, "p": 0.8},
    {"name": "contrast", "by": 0.4, "p": 0.8},
    {"name": "saturation", "by": 0.4, "p": 0.8},
    {"name": "hue", "by": 0.1, "p": 0.8},
    {"name": "grayscale", "p": 0.2},
)
"""The transforms of SimCLR on CIFAR-10 (Chen et al. 2020, appendix B.9), each with a probability of its own where the paper
jitters all colors or none."""
