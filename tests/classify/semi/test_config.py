"""Semi-supervised training in the config: what is refused, and which jobs it makes stale."""

from __future__ import annotations

from typing import Any

import pytest

from darkroom.config import load as config
from darkroom.config.load import ConfigError
from darkroom.config.model import Config
from darkroom.planning.plan import Plan

SMALL = {"name": "pretrained", "backbone": "test_efficientnet"}
AUGMENT = {"mixed": {"online": ["hflip", {"name": "augmix", "consistency": 12}]}}


def load(model: dict[str, Any], policy: str = "none", data: dict[str, Any] | None = None) -> Config:
    classify = {"models": {"plain": {"network": "mlp"}, "m": model}, "policies": [policy], "baseline": "plain"}
    raw = {
        "name": "digits",
        "data": data or {"source": "sklearn"},
        "augment": AUGMENT if policy == "mixed" else {},
        "classify": classify,
    }
    return config.load(raw, path="c.yaml", need_data=False)


@pytest.mark.parametrize(
    ("model", "policy", "told"),
    [
        ({"network": "mlp", "semi": "fixmach"}, "none", 'Did you mean "fixmatch"'),
        ({"network": "mlp", "semi": {"name": "fixmatch", "threshold": 1.2}}, "none", r"m\.semi\.threshold"),
        ({"network": SMALL, "transfer": "probe", "semi": "fixmatch"}, "none", r"m\.semi: a probe has no training loop"),
        (
            {"network": "mlp", "semi": "mixmatch", "loss": "multiclass_hinge"},
            "none",
            r"m\.semi: mixmatch mixes classes",
        ),
        ({"network": "mlp", "semi": "fixmatch", "training": {"devices": 2}}, "none", r"m\.semi: .* one process"),
        ({"network": "mlp", "semi": "fixmatch"}, "mixed", r"m\.semi: .* no consistency loss .* augment\.mixed"),
        ({"network": "mlp", "semi": "mean_teacher", "ema": 0.9}, "none", "remove ema, and set semi.decay"),
        (
            {"network": "mlp", "semi": "mean_teacher", "training": {"swa": 0.5}},
            "none",
            r"remove training\.swa, and set semi\.decay",
        ),
    ],
)
def test_what_cannot_be_learned_is_refused_before_any_job(model: dict[str, Any], policy: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        load(model, policy)
    assert len(caught.value.problems) == 1


def test_a_target_of_numbers_has_no_pseudo_labels() -> None:
    source = {"name": "manifest", "path": "table.csv", "numbers": ["age"]}
    classify = {"models": {"m": {"network": "mlp", "semi": "fixmatch"}}, "policies": ["none"]}
    raw = {"name": "ages", "data": {"source": source}, "classify": classify}
    with pytest.raises(ConfigError, match=r"m\.semi: fixmatch needs one class per image") as caught:
        config.load(raw, path="c.yaml", need_data=False)
    assert len(caught.value.problems) == 1


def test_the_option_is_part_of_the_spec_of_its_own_classifier_alone() -> None:
    plan = Plan(load({"network": "mlp", "semi": "fixmatch"}))
    plain, semi = (plan.spec("classify train", policy="none", model=model, seed=0) for model in ("plain", "m"))
    assert '"semi"' not in plain
    assert '"randaugment"' in semi
    codes = [plan.record("classify train", policy="none", model=model, seed=0) for model in ("plain", "m")]
    assert ["classify/semi" in str(code) or "classify.semi" in str(code) for code in codes] == [False, True]


def test_default_views_leave_out_what_does_not_preserve_labels_and_own_ones_are_refused() -> None:
    data = {"source": {"name": "sklearn"}, "label_preserving": {"rotate": 5}}
    plan = Plan(load({"network": "mlp", "semi": "fixmatch"}, data=data))
    assert [step.name for step in plan.resolved("classify train", policy="none", model="m", seed=0).semi.strong] == [
        "cutout"
    ]  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match=r"m\.semi\.strong\[0\]: rotate .* remove or weaken it"):
        load({"network": "mlp", "semi": {"name": "fixmatch", "strong": ["rotate"]}}, data=data)
