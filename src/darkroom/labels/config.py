"""The `labels` section: find labels that are probably wrong."""

from __future__ import annotations

from darkroom.audit.config import Judged, Judging
from darkroom.fit.config import Training
from darkroom.settings import Count


class Reported(Judged):
    """Settings of the search, which needs trained judges."""

    examples: Count = 100
    """Maximum number of suspects that the report shows, the most suspicious first; a table has all of them."""


class Labels(Judging, Reported):
    """Finds labels that are probably wrong, by classifiers that have not seen the images and by the nearest images.

    With an `audit`, its judges are used, and `network`, `folds`, `seed` and `training` are set there.
    """


class FindSpec(Reported):
    """The job `labels find`."""

    backbone: str | None = None
    """Fingerprint of the network's pretrained weights."""


class EffectSpec(Judged):
    """The job `labels effect`."""

    training: Training
    seeds: Count = 3
    """Number of seeds; each trains one network on the labels as they were and one on the corrected ones."""
    backbone: str | None = None
    """Fingerprint of the network's pretrained weights."""
