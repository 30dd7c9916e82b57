"""Options that several ways to train a pretrained network share; importing this file loads no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from darkroom.settings import Positive

FrozenNorm = Annotated[
    bool, Field(description="keep the running statistics of batch normalization; scales and biases train")
]
StartSize = Annotated[
    float,
    Field(gt=0, le=1, description="image side at the start, as a share of the full one, which it reaches in 4 steps"),
]
Strength = Annotated[
    Positive | None,
    Field(description="inverse strength of the penalty, as in scikit-learn; default: the best in cross-validation"),
]
