"""The job `generate evaluate`: measure a trained generative model in the same way as every other of the data set.

What is measured depends on the kind of samples: see `evaluation.images` and `evaluation.rows`.
"""

from __future__ import annotations

from pathlib import Path

from darkroom import registry
from darkroom.generate.config import EvaluateSpec
from darkroom.log import Log


def run(spec: EvaluateSpec, *, data: Path, model: Path, judge: Path, out: Path, log: Log) -> None:
    """Sample from the model in the folder `model` and measure it against the test split of the store `data`.

    Raises ValueError if there are no test samples.
    """
    registry.build(spec.evaluation, spec, data, model, judge, out, log)
