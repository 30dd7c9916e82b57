"""A trained classifier, or a model of labels or numbers, and what its evaluation measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from darkroom import files, registry
from darkroom.classify.answers import ClassAnswers, LabelAnswers, Merging, NumberAnswers, chosen_confidence
from darkroom.classify.evaluation import out_of_distribution
from darkroom.classify.evaluation.out_of_distribution import OutOfDistribution
from darkroom.classify.tta import PLAIN
from darkroom.data.incoming import Prepares, read_preparation
from darkroom.fit.model import About, intact_weights, parts, read_about, rebuild, say_if_kept

VIEWS = (PLAIN, "tta")
"""How a model may look at an image: once, or with test-time augmentation."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A model, and its evaluation's metrics.json, which is empty without an evaluation."""

    folder: Path
    network: nn.Module
    about: About
    evaluation: Path
    metrics: dict[str, Any]

    @property
    def preparation(self) -> Prepares:
        """How the samples were prepared. Raises FileNotFoundError if the folder does not say."""
        return read_preparation(self.folder)

    def answers(self, view: str = PLAIN, risk: float | None = None) -> ClassAnswers | LabelAnswers | NumberAnswers:
        """Return what turns outputs into answers, calibrated as far as there is an evaluation.

        `risk` is the share of errors that a classifier is sure to stay below, by default 5 % if the validation images showed
        a confidence for it. Raises ValueError for an unknown view or risk.
        """
        registry.known("--view", view, VIEWS)
        about, metrics = self.about, self.metrics
        if view != PLAIN and "tta" not in metrics:
            raise ValueError(
                f"--view: {self.evaluation} has no test-time augmentation; set classify.tta and run classify evaluate"
            )
        if risk is not None and about.target.kind != "class":
            raise ValueError(f"--risk: {self.folder} predicts {about.target.kind}; only classifiers answer when sure")
        names, merging = about.target.names, None
        with self._described():
            if view != PLAIN:
                merging = Merging.read(metrics["tta"])
            if about.target.kind == "class":
                sure = chosen_confidence(metrics["risk_coverage"][view], risk) if metrics else None
                sets = metrics["conformal"][view] if metrics else {}
                return ClassAnswers(
                    names,
                    about.link,
                    merging,
                    temperature=metrics["temperature"][view] if metrics else 1.0,
                    least_probability=sets.get("least_probability"),
                    least_confidence=sure,
                )
            if about.target.kind == "labels":
                return LabelAnswers.read(names, merging, metrics["per_label"][view] if metrics else {})
            return NumberAnswers.read(names, merging, metrics["conformal"][view] if metrics else {})

    def looks(self, view: str = PLAIN) -> Callable[[Tensor], list[Tensor]]:
        """Return what makes the views of images (B, C, H, W) besides the plain one."""
        with self._described():
            given = [] if view == PLAIN else self.metrics["tta"]["views"]
            built = [
                registry.build(registry.options("view", each["name"]).model_validate(_without(each, "looks")))
                for each in given
            ]
        return lambda images: [look for make in built for look in make(images)]

    def unlike(self) -> OutOfDistribution | None:
        """Return what tells images unlike those of the training; None if the evaluation found nothing that does."""
        with self._described():
            return out_of_distribution.read(self.evaluation, self.metrics, self.about)

    @contextmanager
    def _described(self) -> Iterator[None]:
        """Raise ValueError if an evaluation is missing, or lacks what this version of Darkroom writes."""
        try:
            yield
        except (KeyError, TypeError, AttributeError) as problem:
            other = (
                f"was written by another version of Darkroom ({problem})"
                if self.metrics
                else "is missing or did not finish"
            )
            raise ValueError(f"the evaluation {self.evaluation} {other}; run classify evaluate") from None


def read_trained(folder: Path) -> Trained:
    """Load the model in the folder of a seed, or in its `model` folder, with the evaluation beside it, if there is one.

    Raises FileNotFoundError if there is no model, and ValueError if it is of another kind, its weights are damaged, or the
    evaluation is of other weights.
    """
    model, evaluation = parts(folder)
    about = read_about(model)
    if about.kind != "network":
        raise ValueError(
            f"{folder} holds {about.what}, which is no classifier; give the folder of a "
            "classifier's seed, such as results/NAME/classify/POLICY/MODEL/seed-0"
        )
    weights = intact_weights(model)
    say_if_kept(model)
    whole = (evaluation / files.MANIFEST).is_file()
    metrics = files.read_json(evaluation / "metrics.json") if whole else {}
    if metrics.get("weights", weights) != weights:
        raise ValueError(f"the evaluation in {evaluation} is of other weights than those in {model}; run it again")
    network = rebuild("network", model, about.shape, len(about.target.names))
    return Trained(model, network, about, evaluation, metrics)


def _without(value: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: item for name, item in value.items() if name != key}
