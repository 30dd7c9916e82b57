"""Hinge losses: the outputs are scores that should exceed the others, or 0, by a margin of 1.

They take certain targets only. Between two mixed classes a hinge has its minimum at the larger share, whatever the shares
are, so MixUp and CutMix would teach it nothing about them.
"""

from __future__ import annotations

from torch import Tensor

from darkroom.classify.losses.soft import Weighted, labelwise_mean, weighted_mean
from darkroom.registry import register


@register("loss", "multiclass_hinge")
class MulticlassHinge(Weighted):
    """The right class's score should exceed every other score by 1 (Crammer & Singer 2001).

    max(0, 1 + max_{j≠y} z_j - z_y), the loss of scikit-learn's `LinearSVC(multi_class="crammer_singer")`. Probabilities are
    the softmax of the scores.
    """

    TARGETS = ("class",)
    SOFT = False
    LINK = "softmax"

    def forward(self, scores: Tensor, targets: Tensor) -> Tensor:
        rival = scores.masked_fill(targets > 0, float("-inf")).amax(1, keepdim=True)
        return weighted_mean((1 + rival - scores).clamp_min(0), targets, self.weights)


@register("loss", "one_vs_rest_hinge")
class OneVsRestHinge(Weighted):
    """One binary hinge per class or label: its score should be at least 1, or at most -1; summed over them.

    Probabilities are the sigmoids of the scores. Weights apply to the positive terms, as in `binary_cross_entropy`.
    """

    TARGETS = ("class", "labels")
    SOFT = False
    LINK = "sigmoid"

    def forward(self, scores: Tensor, targets: Tensor) -> Tensor:
        return labelwise_mean((1 - scores).clamp_min(0), (1 + scores).clamp_min(0), targets, self.weights)
