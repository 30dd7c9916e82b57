"""Trained models and plug-ins as Python objects: what `import darkroom` offers to a notebook or a service.

    model = darkroom.load("results/mnist/classify/none/resnet/seed-0")
    probabilities = model(images)          # (N, K) for uint8 (N, H, W, C), or for a list of image files

PyTorch is imported on the first call that needs it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from darkroom import registry
from darkroom.config import explain
from darkroom.config.load import ConfigError
from darkroom.data.intake import Intake, Samples

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from darkroom.classify.answers import ClassAnswers, LabelAnswers, NumberAnswers
    from darkroom.classify.trained import Trained
    from darkroom.detect.detector import Detector
    from darkroom.generate.model import GenerativeModel
    from darkroom.generate.sample import TrainedGenerator


def plugins(kind: str) -> dict[str, str]:
    """Return the plug-ins of a kind by name, each with its one-line summary. Raises ValueError for an unknown kind."""
    registry.known("plug-in kind", kind, sorted(registry.kinds()))
    return {name: entry.summary for name, entry in registry.entries(kind).items()}


def create(kind: str, name: str, *given: Any, **options: Any) -> Any:
    """Build a plug-in by name: `create("network", "resnet", (1, 28, 28), 10, width=16)`.

    `given` are the positional arguments of its kind, such as a network's image shape (C, H, W) and number of classes;
    `options` are its config keys. Raises ValueError for an unknown kind or name, and ConfigError, as a config would, for
    wrong options.
    """
    registry.known("plug-in kind", kind, sorted(registry.kinds()))
    entry = registry.entry(kind, name)
    more = {key: value for key, value in options.items() if entry.takes(key)}
    raw = {key: value for key, value in options.items() if key not in more}
    model = registry.options(kind, name)
    try:
        checked = model.model_validate({"name": name, **raw})
    except ValidationError as error:
        raise ConfigError(f"{kind} {name}", explain.problems(error, model, raw)) from None
    return registry.build(checked, *given, **more)


def load(folder: str | Path) -> LoadedClassifier | LoadedLabels | LoadedNumbers | LoadedGenerator | LoadedDetector:
    """Load a trained model from the folder of a seed (`.../seed-0`) or from the `model` folder in it.

    The evaluation beside the model, if there is one, supplies calibration, thresholds and sampling options. Raises
    FileNotFoundError if there is no trained model, and ValueError for a file of weights that holds anything but tensors.
    """
    from darkroom.classify.trained import read_trained
    from darkroom.detect.detector import read_detector
    from darkroom.detect.evaluation.threshold import THRESHOLD, read_operating_point
    from darkroom.fit.model import intact_weights, parts, read_about, say_if_kept
    from darkroom.generate.sample import read_trained_generator

    model, evaluation = parts(Path(folder))
    about = read_about(model)
    intake = Intake(model, about.shape, about.samples)
    match about.kind:
        case "network":
            kinds: dict[str, type[LoadedClassifier | LoadedLabels | LoadedNumbers]] = {
                "class": LoadedClassifier,
                "labels": LoadedLabels,
                "numbers": LoadedNumbers,
            }
            return kinds[about.target.kind](read_trained(Path(folder)), intake)
        case "generator":
            return LoadedGenerator(read_trained_generator(Path(folder)))
        case _:
            say_if_kept(model)
            evaluated = (evaluation / THRESHOLD).is_file()
            threshold = read_operating_point(evaluation, intact_weights(model)).value if evaluated else None
            return LoadedDetector(read_detector(model), intake, threshold=threshold)


@dataclass(frozen=True)
class LoadedPredictor:
    """A trained network with what its evaluation fitted, if there was one; call it on samples, or `predict` them."""

    trained: Trained
    intake: Intake

    @property
    def network(self) -> nn.Module:
        """The network itself, in eval mode."""
        return self.trained.network

    def predict(
        self, samples: Samples, *, view: str = "plain", risk: float | None = None, workers: int = 1
    ) -> pd.DataFrame:
        """Return the table of `darkroom classify predict` for an array, a list of texts or a list of files, a row per sample.

        A file that cannot be read has a row with the reason as its note. `view` is plain or tta, `risk` the share of errors
        among the answers that are sure. Raises ValueError without an evaluation, for other arrays, and for a risk that was
        not measured.
        """
        import pandas as pd

        from darkroom.classify.predictor import Predictor

        predictor = Predictor.of(self.trained, view=view, risk=risk)
        array = self.intake.array(samples)
        if array is not None:
            found = pd.DataFrame([*predictor.arrays(self.intake.batches(array))], columns=list(predictor.columns))
            return found.drop(columns="file")
        listing = self.intake.listing(self.intake.paths(cast("Sequence[str | Path]", samples)))
        return pd.DataFrame([*predictor.listed(listing, workers=workers)], columns=list(predictor.columns))

    def _outputs(self, samples: Samples) -> NDArray[np.float32]:
        """Return the network's outputs (N, 1, K) for the plain samples."""
        import torch

        from darkroom.fit.batches import as_tensor

        with torch.inference_mode():
            outputs = [self.network(as_tensor(batch)).float() for batch in self.intake.batches(samples)]
        found: NDArray[np.float32] = torch.cat(outputs)[:, None].numpy()
        return found


class LoadedClassifier(LoadedPredictor):
    """A trained classifier."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.trained.about.classes

    @property
    def temperature(self) -> float:
        """Of its calibration; 1 without an evaluation."""
        return self._answers.temperature

    def __call__(self, samples: Samples) -> NDArray[np.float32]:
        """Return the calibrated probabilities (N, K), classes in the order of `classes`."""
        return self._answers.probabilities(self._outputs(samples))[1].astype(np.float32)

    @functools.cached_property
    def _answers(self) -> ClassAnswers:
        return cast("ClassAnswers", self.trained.answers())


class LoadedLabels(LoadedPredictor):
    """A trained model of several labels per image."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the labels."""
        return self.trained.about.target.names

    @property
    def thresholds(self) -> NDArray[np.float32]:
        """(K,): a label with at least this probability is present. Set on validation images, 0.5 without an evaluation."""
        return self._answers.thresholds.astype(np.float32)

    def __call__(self, samples: Samples) -> NDArray[np.float32]:
        """Return the calibrated probability of each label (N, K), in the order of `labels`."""
        return self._answers.probabilities(self._outputs(samples)).astype(np.float32)

    @functools.cached_property
    def _answers(self) -> LabelAnswers:
        return cast("LabelAnswers", self.trained.answers())


class LoadedNumbers(LoadedPredictor):
    """A trained model of numbers."""

    @property
    def numbers(self) -> tuple[str, ...]:
        """The names of the numbers."""
        return self.trained.about.target.names

    @property
    def half_widths(self) -> NDArray[np.float32] | None:
        """(M,): the true number lies this close to the prediction for 90 % of images. Set on validation images; None without
        an evaluation or with too few of them."""
        widths = cast("NumberAnswers", self.trained.answers()).half_widths
        return None if widths is None else widths.astype(np.float32)

    def __call__(self, samples: Samples) -> NDArray[np.float32]:
        """Return the predicted numbers (N, M), in the order of `numbers` and the units of the table."""
        return self._outputs(samples)[:, 0]


class Scores(NamedTuple):
    """How anomalous images are; larger is more anomalous."""

    scores: NDArray[np.float32]  # (N,)
    maps: NDArray[np.float32] | None  # (N, H, W) at the prepared size; None if the detector has no maps


@dataclass(frozen=True)
class LoadedDetector:
    """A fitted anomaly detector; call it on images."""

    network: Detector
    intake: Intake
    threshold: float | None = None
    """Scores above it are flagged; set by `detect evaluate` on validation images, None without an evaluation."""

    def __call__(self, samples: Samples) -> Scores:
        """Return the score of each image, and its map if the detector has maps."""
        import torch

        from darkroom.fit.batches import as_tensor

        with torch.inference_mode():
            found = [self.network.score(as_tensor(batch)) for batch in self.intake.batches(samples)]
            maps = [part.maps.float() for part in found if part.maps is not None]
            scores = torch.cat([part.scores.float() for part in found])
        return Scores(scores.numpy(), torch.cat(maps).numpy() if maps else None)


@dataclass(frozen=True)
class LoadedGenerator:
    """A trained generative model."""

    trained: TrainedGenerator

    @property
    def network(self) -> GenerativeModel:
        """The model itself, in eval mode."""
        return self.trained.network

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes; empty for an unconditional model."""
        return self.trained.classes

    def sample(
        self, count: int, *, labels: str | int | Sequence[str | int] | None = None, seed: int = 0
    ) -> NDArray[Any]:
        """Return new samples (count, ...) as a store holds them; the same seed returns the same ones.

        Images are bytes (count, H, W, C). `labels` is one class for all, or one per sample, by name or number; without it the
        classes take turns. Raises ValueError for unknown classes, and for labels of an unconditional model.
        """
        wanted = [labels] * count if isinstance(labels, str | int) else labels
        return np.concatenate([*self.trained.sample(self.trained.numbers(count, wanted), seed)])
