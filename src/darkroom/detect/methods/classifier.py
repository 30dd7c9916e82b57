"""Scores from a classifier of the normal classes: what it cannot place in one of them is anomalous.

Three scores are told apart: the largest probability (Hendrycks & Gimpel 2017), the free energy of the logits (Liu et al.
2020), and the Mahalanobis distance to the nearest class mean in the features that the last layer decides on, with one
covariance for all classes (Lee et al. 2018; their input preprocessing and other layers are left out).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from darkroom import registry
from darkroom.detect.detector import Detector, Scored
from darkroom.fit.batches import Batches, Pool
from darkroom.fit.config import Training
from darkroom.fit.model import Fitted, chunks
from darkroom.fit.standardize import standardize
from darkroom.fit.task import Task
from darkroom.fit.trainer import fit
from darkroom.log import Log
from darkroom.randomness import derive
from darkroom.registry import Plugin, register
from darkroom.settings import Positive, Section

RIDGE = 0.01
"""Share of the features' mean variance that is added to each: features that are always zero have none."""


@register("detector", "classifier")
class ClassifierDetector(Detector):
    """Classifier trained to tell the normal classes apart, of which there must be two; no maps."""

    classes: Tensor  # (K,), numbers of the classes in the data set
    means: Tensor  # (K, D), features of each class; None unless the score is mahalanobis
    whitening: Tensor  # (D, D), the inverse of their covariance's lower Cholesky factor; None likewise

    def __init__(
        self,
        shape: tuple[int, int, int],
        training: Training | None = None,
        *,
        network: Annotated[
            Section, Plugin("network", default="resnet"), Field(validate_default=True, description="which network")
        ] = "resnet",  # type: ignore[assignment]
        score: Annotated[
            Literal["max_softmax", "energy", "mahalanobis"],
            Field(
                description="of an image: the negative logarithm of its largest probability, the free energy of its logits, "
                "or the distance of its features from the nearest class"
            ),
        ] = "energy",
        temperature: Annotated[Positive, Field(description="of the energy: the logits are divided by it")] = 1.0,
    ) -> None:
        super().__init__()
        self.shape, self.options, self.training_section = shape, network, training
        self.scored_by, self.temperature = score, temperature
        self.network: nn.Module = nn.Identity()  # built when the number of classes is known
        self.register_buffer("classes", torch.zeros(0, dtype=torch.int64))
        self.register_buffer("means", None)
        self.register_buffer("whitening", None)

    def fit(
        self,
        images: NDArray[np.uint8],
        train: NDArray[np.int64],
        val: NDArray[np.int64],
        *,
        labels: NDArray[np.int64] | None = None,
        seed: int,
        log: Log,
        checkpoints: Path | None = None,
    ) -> Fitted:
        """Train on the labels of the normal images, then measure their features.

        Raises ValueError without a training section, or with fewer than two classes.
        """
        training = self.training_section
        if training is None:
            raise ValueError("a detector that is trained needs a training section to be fitted")
        known = np.unique(labels[train]) if labels is not None else np.empty(0, np.int64)
        if labels is None or len(known) < 2:
            raise ValueError(
                "detect.normal: the detector classifier tells normal classes apart, of which it takes two with training "
                f"images; there {'is 1' if len(known) else 'are none'}. List several classes that are normal together, or "
                "leave the detector out"
            )
        torch.manual_seed(derive(seed, "weights"))
        self.classes = torch.from_numpy(known)
        self.network = registry.build(self.options, self.shape, len(known))
        standardize(self.network, images, train)
        targets = np.searchsorted(known, labels)

        def batches(rows: NDArray[np.int64], size: int, draws: int | None) -> Batches:
            return Batches(Pool([images]), rows[:, None], targets[rows], batch_size=size, seed=draws)

        seen = val[np.isin(labels[val], known)]
        fitted = fit(
            CrossEntropy(self.network, training),
            batches(train, training.batch_size, seed),
            batches(seen, 256, None) if len(seen) else None,
            seed=seed,
            log=log,
            checkpoints=checkpoints,
        )
        if self.scored_by == "mahalanobis":
            self._measure(images, train, torch.from_numpy(targets[train]))
        return fitted

    def score(self, images: Tensor) -> Scored:
        """The chosen score of each image."""
        if self.scored_by == "mahalanobis":
            features = self.network.features(images).double()  # type: ignore[operator]
            offsets = features[:, None] - self.means  # (B, K, D)
            return Scored(torch.linalg.vector_norm(offsets @ self.whitening.T, dim=2).amin(1), None)
        logits = self.network(images).double()  # a probability near one is told from one
        if self.scored_by == "energy":
            return Scored(-self.temperature * (logits / self.temperature).logsumexp(1), None)
        return Scored(-logits.log_softmax(1).amax(1), None)

    @torch.no_grad()
    def _measure(self, images: NDArray[np.uint8], rows: NDArray[np.int64], targets: Tensor) -> None:
        """The mean of each class and their common covariance, in double precision."""
        features = torch.cat([self.network.features(batch).double() for batch in chunks(images, rows)])  # type: ignore[operator]
        self.means = torch.stack([features[targets == k].mean(0) for k in range(len(self.classes))])
        offsets = features - self.means[targets]
        covariance = offsets.T @ offsets / len(offsets)
        ridge = RIDGE * covariance.diagonal().mean().clamp_min(1e-12)
        factor = torch.linalg.cholesky(covariance + ridge * torch.eye(len(covariance)))
        self.whitening = torch.linalg.solve_triangular(factor, torch.eye(len(factor)).double(), upper=False)

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        for name in ("classes", "means", "whitening"):
            if (saved := state_dict.get(prefix + name)) is not None:
                setattr(self, name, torch.empty_like(saved))
        self.network = registry.build(self.options, self.shape, len(self.classes))
        super()._load_from_state_dict(state_dict, prefix, *rest)


class CrossEntropy(Task):
    """Cross-entropy of the logits in nats, and the share of right answers."""

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """`loss` and `accuracy`."""
        logits = self.network(images).float()
        return {"loss": F.cross_entropy(logits, labels), "accuracy": (logits.argmax(1) == labels).float().mean()}
