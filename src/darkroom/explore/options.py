"""Options that several clusterings share; importing this file loads no scikit-learn."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Clusters = Annotated[
    int | None, Field(ge=2, description="number of clusters; by default chosen by silhouette and stability")
]
Most = Annotated[int, Field(ge=2, description="largest number of clusters tried")]
