"""The `labels` section: find labels that are probably wrong."""

from __future__ import annotations

from darkroom.audit.config import Judged, Judging
from darkroom.fit.config import Training
from darkroom.settings import Count


class Reported(Judged):
    """Settings of the search, once the judges are trained."""

    examples: Count = 100
    """Maximum number of suspects that the report shows, the most suspicious first; a table has all of them."""


class Labels(Judging, Reported):
    """Finds labels that are probably wrong, by classifiers that have not seen the images and by the nearest images.

    Where there is an `audit`, its judges serve, and `network`, `folds`, `seed` and `training` are set there.
    """


class FindSpec(Reported):
    """The job `labels find`."""

    backbone: str | None = None
    """Fingerprint of the network's pretrained weights."""


class EffectSpec(Judged):
    """The job `labels effect`."""

    training: Training
    seeds: Count = 3
    """Number of seeds, each of which trains on either labels."""
    backbone: str | None = None
    """Fingerprint of the network's pretrained weights."""
