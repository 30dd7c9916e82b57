"""Options shared by several transforms, most of them by an offline transform and its online counterpart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from darkroom.settings import Count


@dataclass(frozen=True)
class Amount:
    """Mark an option as a transform's magnitude, which a policy's `strength` scales.

    `of` is the operation as `data.label_preserving` names it, `neutral` the value that changes nothing.
    """

    of: str
    neutral: float = 0.0


Chance = Annotated[float, Field(ge=0, le=1, description="probability of applying the transform")]

SMALL = 64
"""Images with a shorter side below this many pixels are small: linear interpolation would visibly blur them."""
Interpolation = Annotated[
    Literal["auto", "nearest", "linear"],
    Field(description="`auto`: nearest for images below 64 pixels, which it keeps sharp, and linear for larger ones"),
]
OfflineInterpolation = Annotated[
    Literal["auto", "nearest", "linear", "cubic"],
    Field(
        description="`auto`: nearest for images below 64 pixels or with few distinct values, which it keeps sharp, and "
        "linear for photographs"
    ),
]
Fill = Annotated[
    Literal["reflect", "constant", "edge"],
    Field(description="fill for areas outside the image: mirrored, black, or the edge repeated"),
]

# Geometry
Angle = Annotated[float, Field(gt=0, le=180, description="maximum angle in degrees, either way"), Amount("rotate")]
AffineRotation = Annotated[
    float, Field(ge=0, le=180, description="maximum angle in degrees, either way"), Amount("rotate")
]
AffineShift = Annotated[
    float, Field(ge=0, lt=1, description="maximum shift along each side, as a fraction of it"), Amount("translate")
]
AffineScale = Annotated[
    float,
    Field(ge=0, lt=1, description="maximum relative change of size: 0.1 draws factors from 0.9 to 1.1"),
    Amount("scale"),
]
AffineShear = Annotated[
    float, Field(ge=0, le=60, description="maximum shear angle in degrees, either way"), Amount("shear")
]
CropArea = Annotated[
    float, Field(gt=0, le=1, description="minimum fraction of the image's area to keep"), Amount("crop", neutral=1.0)
]
CropRatio = Annotated[float, Field(ge=1, le=4, description="maximum factor on the aspect ratio")]
PerspectiveScale = Annotated[
    float,
    Field(gt=0, lt=0.5, description="maximum distance that corners move in, as a fraction of the sides"),
    Amount("perspective"),
]
ElasticShift = Annotated[
    float,
    Field(gt=0, le=0.5, description="typical displacement, as a fraction of the shorter side"),
    Amount("elastic"),
]
ElasticSigma = Annotated[
    float, Field(gt=0, le=0.5, description="smoothness of the displacements, as a fraction of the shorter side")
]

# Noise
NoiseStd = Annotated[
    float,
    Field(gt=0, le=1, description="maximum standard deviation, as a fraction of the full range"),
    Amount("gauss_noise"),
]
NoisyShare = Annotated[
    float,
    Field(gt=0, le=1, description="maximum fraction of pixels, half of them black and half white"),
    Amount("salt_and_pepper"),
]
BlurSigma = Annotated[
    float,
    Field(gt=0, le=20, description="maximum standard deviation in pixels; the minimum is a quarter of it"),
    Amount("gauss_blur"),
]

# Sound
SignalToNoise = Annotated[
    float,
    Field(ge=-20, lt=60, description="minimum signal-to-noise ratio in decibels, drawn up to 60, which is inaudible"),
    Amount("noise", neutral=60.0),
]

# Occlusion
Holes = Annotated[Count, Field(description="maximum number of squares")]
HoleSize = Annotated[
    float,
    Field(
        gt=0, lt=1, description="maximum side of a square, as a fraction of the shorter side; the minimum is half of it"
    ),
    Amount("occlusion"),
]
HoleValue = Annotated[int, Field(ge=0, le=255, description="brightness of the squares")]
ErasedArea = Annotated[
    float,
    Field(gt=0, lt=1, description="maximum fraction of the image's area; the minimum is a sixteenth of it"),
    Amount("occlusion"),
]
ErasedRatio = Annotated[float, Field(ge=1, le=10, description="maximum aspect ratio; the minimum is its inverse")]
GridRatio = Annotated[
    float, Field(gt=0, lt=1, description="side of a square, as a fraction of its cell's"), Amount("occlusion")
]
GridCell = Annotated[
    float,
    Field(
        gt=0, le=1, description="maximum side of a cell, as a fraction of the shorter side; the minimum is half of it"
    ),
]

# Color
RelativeChange = Annotated[
    float, Field(gt=0, le=1, description="maximum relative change: 0.2 draws factors from 0.8 to 1.2")
]
HueShift = Annotated[
    float, Field(gt=0, le=0.5, description="maximum shift, either way, as a fraction of the color wheel"), Amount("hue")
]
GammaExponent = Annotated[
    float,
    Field(gt=1, le=5, description="maximum exponent; the minimum is its inverse"),
    Amount("gamma", neutral=1.0),
]
SolarizeThreshold = Annotated[
    float,
    Field(ge=0, lt=1, description="minimum brightness threshold, drawn up to 1; pixels above it are inverted"),
    Amount("solarize", neutral=1.0),
]
PosterizeBits = Annotated[
    int,
    Field(ge=1, le=7, description="minimum number of bits to keep of eight, drawn up to 7"),
    Amount("posterize", neutral=8.0),
]

# Views of test images
ViewArea = Annotated[
    float,
    Field(gt=0, lt=1, description="fraction of the image's area that a crop keeps; at least one pixel per side is cut"),
    Amount("crop", neutral=1.0),
]
ViewLinear = Annotated[bool, Field(description="interpolate between pixels, which softens small images")]
