"""Out-of-distribution scores from a classifier of the normal classes: images that fit none of them are anomalous.

There are three scores: the maximum softmax probability (Hendrycks & Gimpel 2017), the free energy of the logits (Liu et al.
2020), and the Mahalanobis distance to the nearest class mean in the penultimate features (Lee et al. 2018, see
`measure.class_gaussians`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from darkroom import registry
from darkroom.detect.detector import Detector, FitInputs, Scored
from darkroom.fit.batches import Batches, Pool
from darkroom.fit.config import Training
from darkroom.fit.model import Fitted, chunks
from darkroom.fit.task import Task
from darkroom.fit.untrained import untrained
from darkroom.measure import class_gaussians
from darkroom.randomness import derive
from darkroom.registry import Plugin, register
from darkroom.settings import Positive, Section


@register("detector", "classifier")
class ClassifierDetector(Detector):
    """Classifier of the normal classes, of which it needs two or more; no maps."""

    classes: Tensor  # (K,), indices of the classes in the data set
    means: Tensor  # (K, D), features of each class; None unless the score is mahalanobis
    whitening: Tensor  # (D, D), the inverse of their covariance's lower Cholesky factor; None likewise

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        network: Annotated[
            Section, Plugin("network", default="resnet"), Field(validate_default=True, description="network to train")
        ] = "resnet",  # type: ignore[assignment]
        score: Annotated[
            Literal["max_softmax", "energy", "mahalanobis"],
            Field(
                description="image score: the negative log of the maximum softmax probability, the free energy of the logits, "
                "or the distance of the features to the nearest class"
            ),
        ] = "energy",
        temperature: Annotated[
            Positive, Field(description="temperature of the energy score, by which logits are divided")
        ] = 1.0,
    ) -> None:
        super().__init__()
        self.shape, self.options = shape, network
        self.scored_by, self.temperature = score, temperature
        self.network: nn.Module = nn.Identity()  # built once the number of classes is known
        self.register_buffer("classes", torch.zeros(0, dtype=torch.int64))
        self.register_buffer("means", None)
        self.register_buffer("whitening", None)

    def fit(self, inputs: FitInputs) -> Fitted:
        """Train on the labels of the normal images, then estimate the distribution of their features.

        Raises ValueError without a training section or with fewer than two classes.
        """
        from darkroom.fit.trainer import fit

        training, labels = inputs.required_training, inputs.labels
        known = np.empty(0, np.int64) if labels is None else np.unique(labels[inputs.train])
        if labels is None or len(known) < 2:
            raise ValueError(
                "detect.normal: the detector classifier tells normal classes apart and needs training images of two or more; "
                f"got {len(known)}. List several classes that are normal together, or remove the detector"
            )
        torch.manual_seed(derive(inputs.seed, "weights"))
        self.classes = torch.from_numpy(known)
        self.network = untrained(self.options, self.shape, len(known), samples=inputs.images, rows=inputs.train)
        targets = np.searchsorted(known, labels)

        def batches(rows: NDArray[np.int64], size: int, seed: int | None) -> Batches:
            return Batches(Pool([inputs.images]), rows[:, None], targets[rows], batch_size=size, seed=seed)

        val = inputs.val[np.isin(labels[inputs.val], known)]
        fitted = fit(
            self.task(training),
            batches(inputs.train, training.batch_size, inputs.seed),
            batches(val, 256, None) if len(val) else None,
            seed=inputs.seed,
            log=inputs.log,
            checkpoints=inputs.checkpoints,
        )
        if self.scored_by == "mahalanobis":
            self._estimate(inputs.images, inputs.train, targets[inputs.train])
        return fitted

    def task(self, training: Training) -> Task:
        """Return the module that trains the network."""
        return CrossEntropyTask(self.network, training)

    def score(self, images: Tensor) -> Scored:
        """Return the chosen score of each image."""
        if self.scored_by == "mahalanobis":
            features = self.network.features(images).double()  # type: ignore[operator]
            offsets = features[:, None] - self.means  # (B, K, D)
            return Scored(torch.linalg.vector_norm(offsets @ self.whitening.T, dim=2).amin(1), None)
        logits = self.network(images).double()  # float64 resolves probabilities near one
        if self.scored_by == "energy":
            return Scored(-self.temperature * (logits / self.temperature).logsumexp(1), None)
        return Scored(-logits.log_softmax(1).amax(1), None)

    @torch.no_grad()
    def _estimate(self, images: NDArray[np.uint8], rows: NDArray[np.int64], targets: NDArray[np.int64]) -> None:
        """Set the mean of each class and the shared covariance, in double precision."""
        features = torch.cat([self.network.features(batch).double() for batch in chunks(images, rows)])  # type: ignore[operator]
        found = class_gaussians.fit(features.numpy(), targets)
        self.means, self.whitening = torch.from_numpy(found.means), torch.from_numpy(found.whitening)

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        for name in ("classes", "means", "whitening"):
            if (saved := state_dict.get(prefix + name)) is not None:
                setattr(self, name, torch.empty_like(saved))
        self.network = registry.build(self.options, self.shape, len(self.classes))
        super()._load_from_state_dict(state_dict, prefix, *rest)


class CrossEntropyTask(Task):
    """Minimizes the cross-entropy of the logits, in nats."""

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return `loss` and `accuracy`."""
        logits = self.network(images).float()
        return {"loss": F.cross_entropy(logits, labels), "accuracy": (logits.argmax(1) == labels).float().mean()}
