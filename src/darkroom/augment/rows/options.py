"""Options that transforms of rows share; importing this file loads neither numpy nor imbalanced-learn."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from darkroom.settings import Count

Near = Annotated[Count, Field(description="neighbors of its class that a synthetic row may lie toward")]
Around = Annotated[Count, Field(description="neighbors of any class that tell whether a row is near the border")]
