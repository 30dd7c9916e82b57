"""Names of runs and of the parents that they share."""

from __future__ import annotations

import pytest

from darkroom.tracking import names

OF = {"policy": "none", "model": "resnet", "seed": "0"}


@pytest.mark.parametrize(
    ("stage", "tags", "parent", "title"),
    [
        ("classify train", OF, "classify/none/resnet", "classify train none resnet seed-0"),
        ("classify evaluate", OF, "classify/none/resnet", "classify evaluate none resnet seed-0"),
        ("classify fold", {**OF, "fold": "2"}, "classify fold/none/resnet", "classify fold none resnet seed-0 fold-2"),
        ("classify share", {**OF, "share": "0.1"}, "classify share/none/resnet", None),
        ("classify trial", {"search": "tuned", "round": "1", "trial": "0"}, "classify trial/tuned", None),
    ],
)
def test_seeds_folds_shares_and_trials_share_a_parent(
    stage: str, tags: dict[str, str], parent: str, title: str | None
) -> None:
    assert names.has_parent(tags)
    assert names.method(stage, tags) == parent
    assert title in (None, names.title(stage, tags))


def test_a_run_that_is_alone_has_no_parent() -> None:
    assert not names.has_parent({"search": "tuned"})
    assert not names.has_parent({"fold": "0"})  # of the audit
