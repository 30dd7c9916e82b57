"""The whole config: every section of a file, checked one by one. What sections must agree on, `load` checks."""

from __future__ import annotations

from typing import Any

from pydantic import model_validator

from darkroom.audit.config import Audit
from darkroom.augment.config import Policy
from darkroom.classify.config import Classify
from darkroom.data.config import Data
from darkroom.data.target import Kind
from darkroom.detect.config import Detect
from darkroom.explore.config import Explore
from darkroom.generate.config import Generate
from darkroom.labels.config import Labels
from darkroom.ladder.config import Ladder
from darkroom.pretrain.config import Pretrain
from darkroom.serve.registry.config import Registry
from darkroom.settings import Name, Section
from darkroom.suggest.config import Suggest


class Tracking(Section):
    """Experiment tracking."""

    uri: str = "sqlite:///results/mlflow.db"
    """An MLflow tracking URI, `sqlite:///` or `http`; the environment variable MLFLOW_TRACKING_URI wins."""


class Config(Section):
    """One data set and everything to do with it. A section that is missing does not run."""

    name: Name
    """The data set's folder in `data/` and `results/`, and its MLflow experiment."""
    data: Data
    """The images, their size and their splits."""
    explore: Explore | None = None
    """Features and clusters of all images, with or without labels; a bare `explore:` uses the defaults."""
    augment: dict[Name, Policy] = {}
    """Augmentation policies by name."""
    audit: Audit | None = None
    """Audit of whether policies preserve labels; a bare `audit:` uses the defaults."""
    pretrain: Pretrain | None = None
    """Networks pretrained on the training images without labels; a bare `pretrain:` uses the defaults."""
    labels: Labels | None = None
    """Search for wrong labels; a bare `labels:` uses the defaults."""
    suggest: Suggest | None = None
    """Simulation of which images to label next; a bare `suggest:` uses the defaults."""
    classify: Classify | None = None
    """Classifiers; a bare `classify:` uses the defaults."""
    ladder: Ladder | None = None
    """Ways to classify from the simplest to the best, and what more images bring; a bare `ladder:` uses the defaults."""
    generate: Generate | None = None
    """Generative models; a bare `generate:` uses the defaults."""
    detect: Detect | None = None
    """Anomaly detectors; a bare `detect:` uses the defaults."""
    registry: Registry | None = None
    """The best models as versions in MLflow's registry; a bare `registry:` uses the defaults."""
    tracking: Tracking = Tracking()
    """MLflow."""

    @property
    def target(self) -> Kind:
        """What there is to predict for an image: one class, several labels, or numbers."""
        return self.data.target

    @model_validator(mode="before")
    @classmethod
    def _bare_sections(cls, value: Any) -> Any:
        return {key: {} if item is None else item for key, item in value.items()} if isinstance(value, dict) else value
