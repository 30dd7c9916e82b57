"""Trained models and plug-ins as Python objects: what `import darkroom` offers to a notebook or a service.

    model = darkroom.load("results/mnist/classify/none/resnet/seed-0")
    probabilities = model(images)          # (N, K) for uint8 (N, H, W, C), or for a list of image files

PyTorch is imported on the first call that needs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from darkroom import files, registry, settings
from darkroom.config import explain
from darkroom.config.load import ConfigError
from darkroom.data import incoming
from darkroom.data.decode import UnreadableError
from darkroom.data.preparation import Preparation, read_preparation
from darkroom.data.store import PREPARATION

if TYPE_CHECKING:
    from torch import nn

    from darkroom.detect.detector import Detector
    from darkroom.fit.model import About
    from darkroom.generate.model import GenerativeModel

Images = NDArray[np.uint8] | Sequence[str | Path]
"""A batch (N, H, W, C), or the paths of N image files."""
BATCH = 64
"""Images in memory at a time."""


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
    from darkroom.detect.detector import read_detector
    from darkroom.detect.evaluation.threshold import THRESHOLD, read_operating_point
    from darkroom.fit.model import read_about, rebuild, say_if_kept
    from darkroom.generate.model import read_generator

    model, evaluation = _parts(Path(folder))
    about = read_about(model)
    say_if_kept(model)
    whole = (evaluation / files.MANIFEST).is_file()
    intake = Intake(about.shape, read_preparation(model) if (model / PREPARATION).is_file() else None)
    match about.kind:
        case "network":
            network = rebuild("network", model, about.shape, len(about.target.names))
            metrics = files.read_json(evaluation / "metrics.json") if whole else {}
            return _predictor(network, about, intake, metrics)
        case "generator":
            record = evaluation / files.RECORD
            chosen = files.read_json(record)["spec"]["generator"] if whole and record.is_file() else about.plugin
            options = registry.options("generator", chosen["name"]).model_validate(chosen)
            return LoadedGenerator(read_generator(model, options), about.classes)
        case "detector":
            threshold = read_operating_point(evaluation).value if (evaluation / THRESHOLD).is_file() else None
            return LoadedDetector(read_detector(model), intake, threshold=threshold)
        case _:
            raise ValueError(f"{model} was written by an earlier version and does not say what it is; train it again")


@dataclass(frozen=True)
class Intake:
    """Brings images to the shape (C, H, W) that a model was trained on, by the data set's own preparation."""

    shape: tuple[int, int, int]
    preparation: Preparation | None

    def batches(self, images: Images) -> Iterator[NDArray[np.uint8]]:
        """Yield prepared batches (B, H, W, C). Raises ValueError for other arrays and for unreadable files."""
        if isinstance(images, str | Path):
            raise ValueError(
                f"got the path {str(images)!r}; expected a list of paths, or an array (N, H, W, C) of uint8"
            )
        if not len(images):
            raise ValueError("got no images")
        for start in range(0, len(images), BATCH):
            some = images[start : start + BATCH]
            yield self._array(some) if isinstance(some, np.ndarray) else self._files([Path(path) for path in some])

    def _array(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        channels, height, width = self.shape
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != channels:
            raise ValueError(
                f"got an array of shape {images.shape} and type {images.dtype}; expected (N, H, W, {channels}) of uint8"
            )
        if images.shape[1:3] == (height, width):
            return images
        return incoming.prepared(list(images), self._known(f"images of {images.shape[1:3]}"))

    def _files(self, paths: Sequence[Path]) -> NDArray[np.uint8]:
        preparation = self._known(str(paths[0]))
        images = []
        for path in paths:
            try:
                images.append(preparation.decode(path))
            except UnreadableError as problem:
                raise ValueError(f"{path}: {problem}") from None
        return incoming.prepared(images, preparation)

    def _known(self, what: str) -> Preparation:
        if self.preparation is None:
            channels, height, width = self.shape
            raise ValueError(
                f"{what} cannot be prepared: the model's folder has no {PREPARATION}. Train it again, or pass an array "
                f"(N, {height}, {width}, {channels}) of uint8"
            )
        return self.preparation


@dataclass(frozen=True)
class LoadedClassifier:
    """A trained classifier; call it on images."""

    network: nn.Module
    classes: tuple[str, ...]
    intake: Intake
    temperature: float = 1.0
    """Of its calibration; 1 without an evaluation."""
    link: str = "softmax"
    """How its outputs become probabilities."""

    def __call__(self, images: Images) -> NDArray[np.float32]:
        """Return the calibrated probabilities (N, K), classes in the order of `classes`."""
        from darkroom.classify.calibration import log_softmax
        from darkroom.classify.links import class_logits

        logits = class_logits(_outputs(self.network, self.intake, images), self.link)
        return np.exp(log_softmax(logits / self.temperature)).astype(np.float32)


@dataclass(frozen=True)
class LoadedLabels:
    """A trained model of several labels per image; call it on images."""

    network: nn.Module
    labels: tuple[str, ...]
    intake: Intake
    thresholds: NDArray[np.float32]
    """(K,): a label with at least this probability is present. Set on validation images, 0.5 without an evaluation."""
    scaling: NDArray[np.float64]
    """(K, 2): slope and offset of each label's calibration; 1 and 0 without an evaluation."""

    def __call__(self, images: Images) -> NDArray[np.float32]:
        """Return the calibrated probability of each label (N, K), in the order of `labels`."""
        logits = _outputs(self.network, self.intake, images) * self.scaling[:, 0] + self.scaling[:, 1]
        return (1 / (1 + np.exp(-logits))).astype(np.float32)


@dataclass(frozen=True)
class LoadedNumbers:
    """A trained model of numbers; call it on images."""

    network: nn.Module
    numbers: tuple[str, ...]
    intake: Intake
    half_widths: NDArray[np.float32] | None = None
    """(M,): the true number lies this close to the prediction for 90 % of images. Set on validation images; None without an
    evaluation or with too few of them."""

    def __call__(self, images: Images) -> NDArray[np.float32]:
        """Return the predicted numbers (N, M), in the order of `numbers` and the units of the table."""
        return _outputs(self.network, self.intake, images)


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

    def __call__(self, images: Images) -> Scores:
        """Return the score of each image, and its map if the detector has maps."""
        import torch

        from darkroom.fit.batches import as_float

        with torch.inference_mode():
            found = [self.network.score(as_float(batch)) for batch in self.intake.batches(images)]
            maps = [part.maps.float() for part in found if part.maps is not None]
            scores = torch.cat([part.scores.float() for part in found])
        return Scores(scores.numpy(), torch.cat(maps).numpy() if maps else None)


@dataclass(frozen=True)
class LoadedGenerator:
    """A trained generative model."""

    network: GenerativeModel
    classes: tuple[str, ...]
    """Empty for an unconditional model."""

    def sample(
        self, count: int, *, labels: str | int | Sequence[str | int] | None = None, seed: int = 0
    ) -> NDArray[np.uint8]:
        """Return new images (count, H, W, C); the same seed returns the same images.

        `labels` is one class for all, or one per image, by name or number; without it the classes take turns. Raises
        ValueError for unknown classes, and for labels of an unconditional model.
        """
        import torch

        from darkroom.fit.batches import as_bytes
        from darkroom.generate.model import even_labels

        if count < 1:
            raise ValueError(f"got a count of {count}; expected at least 1")
        numbers = even_labels(count, self.network.classes)
        if labels is not None:
            wanted = [labels] * count if isinstance(labels, str | int) else list(labels)
            if len(wanted) != count:
                raise ValueError(f"got {len(wanted)} labels for {count} images; expected one, or one per image")
            numbers = torch.tensor([self._label(label) for label in wanted])
        with torch.inference_mode():
            return as_bytes(self.network.sample(numbers, torch.Generator().manual_seed(seed)))

    def _label(self, label: str | int) -> int:
        if not self.network.classes:
            raise ValueError(
                "the model is unconditional and takes no labels; set its conditional: true and train it again"
            )
        if isinstance(label, str) and label in self.classes:
            return self.classes.index(label)
        if isinstance(label, int) and 0 <= label < len(self.classes):
            return label
        raise ValueError(f"no class {settings.quoted(label)}.{settings.choice(str(label), self.classes)}")


def _outputs(network: nn.Module, intake: Intake, images: Images) -> NDArray[np.float32]:
    """Return a network's outputs (N, K)."""
    import torch

    from darkroom.fit.batches import as_float

    with torch.inference_mode():
        outputs = [network(as_float(batch)).float() for batch in intake.batches(images)]
    found: NDArray[np.float32] = torch.cat(outputs).numpy()
    return found


def _predictor(
    network: nn.Module, about: About, intake: Intake, metrics: dict[str, Any]
) -> LoadedClassifier | LoadedLabels | LoadedNumbers:
    """Return a classifier, or a model of labels or numbers, with what its evaluation measured, if there was one."""
    names = about.target.names
    if about.target.kind == "class":
        temperature = metrics["temperature"]["plain"] if metrics else 1.0
        return LoadedClassifier(network, names, intake, temperature=temperature, link=about.link)
    if about.target.kind == "labels":
        untested: dict[str, Any] = {"threshold": 0.5, "calibration": {"slope": 1.0, "offset": 0.0}}
        found = [metrics["per_label"]["plain"][name] if metrics else untested for name in names]
        thresholds = np.array([one["threshold"] for one in found], np.float32)
        scaling = np.array([[one["calibration"][key] for key in ("slope", "offset")] for one in found])
        return LoadedLabels(network, names, intake, thresholds, scaling)
    widths = [metrics["conformal"]["plain"][name]["half_width"] for name in names] if metrics else [None]
    return LoadedNumbers(network, names, intake, None if None in widths else np.array(widths, np.float32))


def _parts(folder: Path) -> tuple[Path, Path]:
    """The folders of the model and of its evaluation."""
    from darkroom.fit.model import ABOUT

    for model, evaluation in ((folder / "model", folder / "evaluation"), (folder, folder.parent / "evaluation")):
        if (model / ABOUT).is_file():
            return model, evaluation
    raise FileNotFoundError(
        f"{folder} holds no trained model ({ABOUT}); give the folder of a seed, such as "
        "results/NAME/classify/POLICY/MODEL/seed-0"
    )
