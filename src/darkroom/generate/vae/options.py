"""Options that the models of this family share. Imports no torch: checking a config reads them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

Kind = Literal["bernoulli", "continuous_bernoulli", "gaussian"]
LikelihoodOption = Annotated[
    Kind,
    Field(
        description="distribution of a pixel in [0, 1]: `bernoulli` is the usual cross-entropy, a bound only for black "
        "and white images; `continuous_bernoulli` and `gaussian` (one learned scale) are densities of gray values"
    ),
]
