"""Options that several semi-supervised methods share; importing this file loads no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from darkroom.registry import Plugin
from darkroom.settings import Positive, Section

Transforms = list[Annotated[Section, Plugin("batch transform")]]

Threshold = Annotated[
    float, Field(gt=0, lt=1, description="least probability of the predicted class for an image to be learned from")
]
Weight = Annotated[Positive, Field(description="weight of the unlabeled images' loss")]
Ratio = Annotated[
    Positive,
    Field(description="unlabeled images per labeled one in a batch; at most as many as the training split has"),
]
RampUp = Annotated[
    float, Field(ge=0, le=1, description="share of the run, at its start, in which the weight rises from zero")
]
Weak = Annotated[
    Transforms,
    Field(
        validate_default=True,
        description="transforms of the weak view of an unlabeled image, if the policy has no online part; the default leaves out "
        "what `data.label_preserving` excludes",
    ),
]
Strong = Annotated[
    Transforms,
    Field(
        validate_default=True,
        description="transforms of the strong view, which follow those of the weak view; the default leaves out what "
        "`data.label_preserving` excludes",
    ),
]
