"""Options that many transforms share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

Chance = Annotated[float, Field(ge=0, le=1, description="probability of applying it")]
Interpolation = Annotated[Literal["nearest", "linear"], Field(description="nearest keeps small images sharp")]
OfflineInterpolation = Annotated[
    Literal["nearest", "linear", "cubic"], Field(description="nearest keeps small images sharp")
]
Fill = Annotated[
    Literal["reflect", "constant", "edge"],
    Field(description="how to fill in what lies outside the image: mirrored, black, or its edge repeated"),
]


@dataclass(frozen=True)
class Amount:
    """Mark an option as a transform's magnitude, which a policy's `strength` scales.

    `of` is the operation as `data.label_preserving` names it, `neutral` the value that changes nothing.
    """

    of: str
    neutral: float = 0.0


SMALL = 64
"""Images with a shorter side below this many pixels are small: linear interpolation would visibly blur them."""
AutoInterpolation = Annotated[
    Literal["auto", "nearest", "linear"],
    Field(description="`auto` is nearest for images below 64 pixels, which it keeps sharp, and linear for larger ones"),
]
OfflineAutoInterpolation = Annotated[
    Literal["auto", "nearest", "linear", "cubic"],
    Field(
        description="`auto` is nearest for images below 64 pixels or of few values, which it keeps sharp, and linear for "
        "photographs"
    ),
]
