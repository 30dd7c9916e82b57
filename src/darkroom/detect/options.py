"""Options that several detectors share, each defined once; importing this file loads no torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from darkroom.settings import Count, Sha256, unique

ErrorMeasure = Literal["mse", "mae", "ssim", "gradient"]
ErrorOption = Annotated[
    ErrorMeasure,
    Field(
        description="reconstruction error per pixel: squared, absolute, 1 - SSIM in a local window, or squared plus the "
        "squared error of the differences between neighboring pixels; an image's score is its mean"
    ),
]
SmoothingOption = Annotated[
    float,
    Field(ge=0, description="standard deviation in pixels of a Gaussian blur of the maps; it does not change scores"),
]
LatentOption = Annotated[Count, Field(description="dimensions of the latent code")]
WidthOption = Annotated[Count, Field(description="channels of the first level")]
ComponentsOption = Annotated[Count, Field(description="principal components kept, at most one per pixel")]

BackboneLevels = Annotated[
    tuple[Annotated[int, Field(ge=0)], ...],
    Field(min_length=1, description="backbone levels whose features are concatenated; 0 is the finest resolution"),
    AfterValidator(unique),
]
BackboneClassifier = Annotated[
    str | None,
    Field(
        description="a model of `classify` to use as feature extractor instead of an ImageNet network, trained under the "
        "first of its policies with the detector's seed, at the image size of the data set. It has seen the labels of all "
        "classes"
    ),
]
BackboneSide = Annotated[int, Field(ge=1, description="longer side in pixels of the backbone's input")]
BackboneSmoothing = Annotated[
    float, Field(ge=0, description="standard deviation of the maps' Gaussian blur, in pixels at side 224")
]
BackboneName = Annotated[
    str, Field(description="a timm name, or `torchvision/` and a torchvision name; see docs/backbones.md")
]
BackboneSha256 = Annotated[Sha256 | None, Field(description="sha256 of the weights, if `weights` is a URL")]

Scaling = Annotated[
    Literal["standard", "range"],
    Field(
        description="how numbers are scaled before distances are measured: to mean 0 and standard deviation 1, or so that the "
        "training rows' smallest is 0 and their largest 1"
    ),
]
Neighbors = Annotated[int, Field(ge=1, description="number of neighbors")]
RowHidden = Annotated[
    list[Count], Field(description="units of each hidden layer of the encoder; the decoder has them in reverse order")
]
RowLatent = Annotated[
    Count | None, Field(description="dimensions of the latent code; default: half the columns, at most 16")
]
