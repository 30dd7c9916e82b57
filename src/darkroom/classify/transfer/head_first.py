"""Where every way to train a pretrained network starts: a head fitted to frozen features."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from darkroom.augment.config import OnlineSpec
from darkroom.classify.transfer.frozen import Features, Rows, compute, open_features
from darkroom.classify.transfer.heads.examples import Examples
from darkroom.classify.transfer.heads.logistic import Logistic
from darkroom.classify.transfer.heads.ridge import Ridge
from darkroom.data.store import Store
from darkroom.data.target import Target
from darkroom.nets.transfer import Pretrained


class HeadFirst:
    """Fits a head to the features of a pretrained network, and puts it there.

    Without a `head` it is a linear one that fits the target: `Logistic`, or `Ridge` for numbers.
    """

    def __init__(self, head: Any = None) -> None:
        self.head = head

    def begin(
        self,
        network: Pretrained,
        store: Store,
        rows: Rows,
        *,
        features: Path | None,
        policy: OnlineSpec,
        seed: int,
        also: Rows | None = None,
    ) -> Features:
        """Fit the head to these rows of a store, and return the features of them and of the rows `also`.

        `features` is the folder of `classify features`; without it they are computed here.
        """
        every = rows if also is None else np.concatenate([rows, also])
        known = open_features(features) if features else compute(network, store, every)
        balanced = policy.balance or policy.imbalance is not None
        self.put(network, known.examples(store, rows, balanced=balanced, seed=seed), store.target)
        return known

    def put(self, network: Pretrained, examples: Examples, target: Target) -> None:
        """Fit the head to features of this target, and put it on the network."""
        head = self.head or Logistic()
        if target.kind == "numbers":  # the head precedes the network's last step
            values = network.rescale.standardized(examples.labels)  # type: ignore[operator, union-attr]
            examples, head = replace(examples, labels=values), self.head or Ridge()
        network.set_head(head.fit(examples))
