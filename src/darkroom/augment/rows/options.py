"""Options that transforms of rows share; importing this file loads neither numpy nor imbalanced-learn."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from darkroom.settings import Count

Near = Annotated[Count, Field(description="number of nearest rows of the class to interpolate with")]
Around = Annotated[
    Count, Field(description="number of nearest rows of any class that decide whether a row is near the border")
]
