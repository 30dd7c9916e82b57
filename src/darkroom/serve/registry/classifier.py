"""A registered classifier, or model of labels or numbers, as MLflow loads it: it answers as `darkroom classify predict` does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import torch

from darkroom.classify.predictor import Predictor
from darkroom.classify.trained import Trained, read_trained
from darkroom.classify.tta import PLAIN
from darkroom.data.table import Columns
from darkroom.serve.registry.images import answered, as_files, refused

VIEW = "view"


class Served:
    """A trained model and its evaluation, with one predictor per view."""

    def __init__(self, folder: Path) -> None:
        self.trained: Trained = read_trained(folder)
        self._predictors: dict[str, Predictor] = {PLAIN: Predictor.of(self.trained)}

    @property
    def columns(self) -> Columns:
        """The columns of the answers."""
        return {name: kind for name, kind in self._predictors[PLAIN].columns.items() if name != "file"}

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return a row per image, with the columns of `darkroom classify predict` but `file`.

        `params` may name a `view`, plain or tta. Raises MlflowException for other views, for what is no image, and if no image
        can be read.
        """
        predictor = self._predictor(str((params or {}).get(VIEW, PLAIN)))
        with as_files(model_input) as listing:
            rows = list(predictor.listed(listing, workers=1))
        return answered(pd.DataFrame(rows, columns=list(predictor.columns), dtype=object).drop(columns="file"))

    def _predictor(self, view: str) -> Predictor:
        try:
            return self._predictors.get(view) or self._predictors.setdefault(
                view, Predictor.of(self.trained, view=view)
            )
        except ValueError as error:
            raise refused(str(error)) from None


def _load_pyfunc(path: str) -> Served:
    """Load the model for MLflow."""
    torch.set_num_threads(1)  # a server answers several requests at once
    return Served(Path(path))
