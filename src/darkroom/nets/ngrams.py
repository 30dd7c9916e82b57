"""Hashed n-grams and a linear classifier, a strong baseline of text classification (Wang & Manning 2012)."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from darkroom.nets.estimator import Estimator
from darkroom.registry import register
from darkroom.settings import Count, Positive

MULTIPLIER = 0x5851F42D4C957F2D
"""Multiplies the hash of an n-gram at each token, modulo 2**64: the constant of Knuth's MMIX generator."""
UNKNOWN = 1
"""Tokens up to this one, the padding and the unknown token, are in no n-gram."""
ABSENT = -30.0
"""Logit of a class without a training example."""
BLOCK = 1024


@register("network", "ngrams")
class Ngrams(Estimator):
    """TF-IDF of hashed n-grams and logistic regression, as scikit-learn fits it.

    The value of an n-gram is its count times (ln((1 + N) / (1 + df)) + 1), where df of the N training texts hold it. As in
    scikit-learn's TfidfVectorizer, the values of a text have norm 1, and n-grams that no training text holds are ignored.
    N-grams in the same one of the `buckets` share a weight.
    """

    TAKES = ("text",)

    idf: Tensor

    def __init__(
        self,
        shape: tuple[int, int],
        classes: int,
        *,
        longest: Annotated[
            int, Field(ge=1, le=5, description="tokens of the longest n-grams; shorter ones are included")
        ] = 2,
        buckets: Annotated[Count, Field(description="number of buckets that n-grams are hashed to")] = 262_144,
        idf: Annotated[bool, Field(description="weight n-grams by inverse document frequency")] = True,
        c: Annotated[
            Positive,
            Field(description="inverse strength of the L2 penalty, scikit-learn's C: larger fits more closely"),
        ] = 10.0,
    ) -> None:
        super().__init__()
        self.longest, self.buckets, self.weighs, self.c = longest, buckets, idf, c
        self.register_buffer("idf", torch.ones(buckets))
        self.weight = nn.Parameter(torch.zeros(buckets, classes))
        self.bias = nn.Parameter(torch.zeros(classes))

    def values(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the nonzero values of texts (B, L): the rows, buckets and values (M,) of a sparse matrix, sorted."""
        found = []
        for length in range(1, min(self.longest, tokens.shape[1]) + 1):
            windows = tokens.unfold(1, length, 1)  # (B, L - length + 1, length)
            hashes = torch.full_like(windows[..., 0], length)
            for place in range(length):
                hashes = (hashes + windows[..., place]) * MULTIPLIER
                hashes = hashes ^ ((hashes >> 32) & 0xFFFFFFFF)
            whole = (windows > UNKNOWN).all(2)
            rows = torch.arange(len(tokens), device=tokens.device)[:, None].expand_as(whole)
            found.append(rows[whole] * self.buckets + hashes[whole].remainder(self.buckets))
        places, counts = torch.cat(found).unique(return_counts=True)
        rows, buckets = places // self.buckets, places % self.buckets
        values = counts * self.idf[buckets]
        norms = torch.zeros(len(tokens), device=tokens.device).index_add_(0, rows, values.square()).sqrt()
        return rows, buckets, values / norms.clamp_min(1e-12)[rows]

    def features(self, tokens: Tensor) -> Tensor:
        """Return the evidence for each class (B, K): a matrix of all n-grams would be too large."""
        rows, buckets, values = self.values(tokens)
        evidence = torch.zeros(len(tokens), self.weight.shape[1], device=tokens.device)
        return evidence.index_add(0, rows, values[:, None] * self.weight[buckets])

    def forward(self, tokens: Tensor) -> Tensor:  # (B, L) -> logits (B, K)
        logits: Tensor = self.features(tokens) + self.bias
        return logits

    @torch.no_grad()
    def fit(self, samples: NDArray[Any], labels: NDArray[np.int64], weights: NDArray[np.float64], *, seed: int) -> None:
        """Fit to texts (N, L) with labels (N,) of at least two classes and weights (N,); nothing is drawn."""
        from sklearn.linear_model import LogisticRegression

        used = self._inverse_frequencies(samples)
        model = LogisticRegression(C=self.c, max_iter=1000)
        model.fit(self._matrix(samples)[:, used], labels, sample_weight=weights)
        found, constants = torch.from_numpy(model.coef_.T).float(), torch.from_numpy(model.intercept_).float()
        # two classes have one logit, that of the second
        places = torch.from_numpy(model.classes_[-found.shape[1] :])
        self.weight.zero_()
        self.weight[torch.from_numpy(used)[:, None], places] = found
        self.bias.fill_(ABSENT)
        self.bias[torch.from_numpy(model.classes_)] = 0.0
        self.bias[places] = constants

    def _inverse_frequencies(self, tokens: NDArray[np.int32]) -> NDArray[np.int64]:
        """Set the inverse document frequencies, 0 for buckets without a text, and return the buckets in use."""
        frequency = torch.zeros(self.buckets, dtype=torch.float64)
        for start in range(0, len(tokens), BLOCK):
            _, buckets, _ = self.values(torch.from_numpy(tokens[start : start + BLOCK]).long())
            frequency += torch.bincount(buckets, minlength=self.buckets)
        weight = ((1 + len(tokens)) / (1 + frequency)).log() + 1 if self.weighs else torch.ones_like(frequency)
        self.idf.copy_(torch.where(frequency > 0, weight, 0.0))
        return frequency.nonzero()[:, 0].numpy()

    def _matrix(self, tokens: NDArray[np.int32]) -> Any:
        """Return the values of all texts as a sparse matrix (N, buckets)."""
        from scipy import sparse

        parts = []
        for start in range(0, len(tokens), BLOCK):
            some = torch.from_numpy(tokens[start : start + BLOCK]).long()
            rows, buckets, values = (part.numpy() for part in self.values(some))
            parts.append(sparse.csr_matrix((values.astype(np.float64), (rows, buckets)), (len(some), self.buckets)))
        return sparse.vstack(parts, format="csr")
