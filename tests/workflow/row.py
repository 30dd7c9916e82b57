"""A row of docs/reruns.md, and patterns of the jobs that it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tests.workflow.edits import ALL, BASE, Change, settings

NEW = "the new jobs"


@dataclass(frozen=True, eq=False)
class Base:
    """A config whose results a change meets, and the jobs of its plan, by their messages."""

    config: Mapping[str, Any]
    jobs: frozenset[str]

    @property
    def name(self) -> str:
        return str(self.config["name"])

    @property
    def explanation(self) -> str:
        return f"explain the classifiers of {self.name}"

    @property
    def report(self) -> str:
        return f"write results/{self.name}/report/index.html"


STALE = Base(BASE, frozenset(ALL))


@dataclass(frozen=True)
class Row:
    """What was changed, the jobs that then run (patterns; none without patterns), and why."""

    what: str
    change: Change
    jobs: tuple[str, ...] = ()
    which: str = ""
    """The jobs in words, for the table; the report and the explanation, which follow others, are not named."""
    why: str = ""
    """A part of the reason of some job."""
    arguments: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    """Jobs that the base plan does not have."""
    when: Literal["always", "thorough", "long"] = "long"
    """Which tests try it."""
    base: Base = STALE


LR = settings(classify__models__mlp__training__optimizer__lr=0.01)
MLP = ("classifier: mlp",)
RESNETS = ("classifier: resnet", "fold", "audit", "train judge of", "evaluate generator", "draw", "on drawn")
PRETRAINED = ("^pretrain: ",)
TRAINED = (*PRETRAINED, "fold", "audit", "classifier", "train judge of", "generator", "draw", "detector: autoencoder")
PREPARED = ("^(?!fetch)",)
EVERYTHING = ("",)
ONLY_REPORT = ("^write",)
EXPLAINED = ("^explain",)
SYNTHETIC_COPIES = ("draw", "on drawn")
STANDARD = ("augment: standard", "audit: standard", "on standard")
OF_POLICY = "this policy's copies and audit, classifiers on it"
ONLINE = ("audit: standard", "classifier: .* on standard")
JUDGED = ("fold", "audit: ")
GENERATORS = ("generator: ", *SYNTHETIC_COPIES)
OF_GENERATORS = "generators, drawn copies and classifiers on them"
