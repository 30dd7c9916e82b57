"""Options of networks that contradict each other are one line, wherever the network is named."""

from __future__ import annotations

from typing import Any

import pytest
from tests.config.slips import load, problems

PLAIN = {"name": "resnet", "skip": False, "stochastic_depth": 0.2}


def problem(**sections: Any) -> str:
    (line,) = problems(**sections)
    return line


@pytest.mark.parametrize(
    ("sections", "place"),
    [
        ({"classify": {"models": {"m": {"network": PLAIN}}}}, "classify.models.m.network"),
        ({"generate": {"judge": {"network": PLAIN}}}, "generate.judge.network"),
    ],
)
def test_stochastic_depth_needs_shortcuts(sections: dict[str, object], place: str) -> None:
    assert problem(**sections).startswith(f"{place}: stochastic_depth skips residual blocks, and skip is off")


def test_heads_divide_the_width() -> None:
    line = problem(classify={"models": {"vit": {"network": {"width": 30, "heads": 4}}}})
    assert line == "classify.models.vit.network.width: got 30; expected a multiple of heads, 4"


def test_options_of_networks_have_short_forms() -> None:
    models = load(classify={"models": {"mlp": {"network": {"init": "orthogonal", "norm": "none"}}}}).classify.models  # type: ignore[union-attr]
    assert models["mlp"].network.model_dump()["init"] == {"name": "orthogonal"}
    assert 'no init "kaiming_normal_"' in problem(
        classify={"models": {"mlp": {"network": {"init": "kaiming_normal_"}}}}
    )
