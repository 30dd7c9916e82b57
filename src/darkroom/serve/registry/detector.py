"""A registered anomaly detector as MLflow loads it: it answers as `darkroom detect score` does, without heat maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import torch

from darkroom.data import incoming
from darkroom.data.incoming import Prepares
from darkroom.data.table import Columns
from darkroom.detect import score
from darkroom.serve.registry.images import answered, as_files

LEFT_OUT = ("file", "map")


class Served:
    """A fitted detector with its threshold."""

    def __init__(self, folder: Path) -> None:
        self.fitted = score.opened(folder)
        self.preparation: Prepares = incoming.read_preparation(self.fitted.folder)

    @property
    def columns(self) -> Columns:
        """The columns of the answers."""
        return {name: kind for name, kind in score.COLUMNS.items() if name not in LEFT_OUT}

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return a row per image, with the columns of `darkroom detect score` but `file` and `map`.

        Raises MlflowException for what is no image, and if no image can be read.
        """
        with as_files(model_input) as listing:
            batches = incoming.batches(listing, self.preparation)
            rows = [row for batch in batches for row in score.scored(self.fitted, batch, self.preparation)]
        cells = [dict(zip(score.COLUMNS, row.cells(self.fitted.point.value), strict=True)) for row in rows]
        return answered(pd.DataFrame(cells, columns=list(self.columns), dtype=object))


def _load_pyfunc(path: str) -> Served:
    """Load the detector for MLflow."""
    torch.set_num_threads(1)  # a server answers several requests at once
    return Served(Path(path))
