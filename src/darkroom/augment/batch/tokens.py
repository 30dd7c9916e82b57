"""Token dropout: the input dropout of texts."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from darkroom.augment.batch.drawing import amount, coins
from darkroom.augment.options import Amount, Chance
from darkroom.registry import register

UNKNOWN = 1
"""The token that takes the place of others."""


@register("batch transform", "token_dropout")
class TokenDropout:
    """Replace random tokens by the unknown one (word dropout, Iyyer et al. 2015)."""

    TAKES = ("text",)

    def __init__(
        self,
        *,
        share: Annotated[
            float, Field(gt=0, lt=1, description="probability of replacing a token"), Amount("token_dropout")
        ] = 0.1,
        p: Chance = 1.0,
    ) -> None:
        self.share, self.p = share, p

    def __call__(
        self, tokens: Tensor, targets: Tensor, strength: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        chosen = coins(self.p, len(tokens), draws)
        dropped = torch.rand(tokens.shape, generator=draws) < amount(self.share, strength)[:, None]
        dropped = (dropped & chosen[:, None]).to(tokens.device) & (tokens > 0)
        return tokens.masked_fill(dropped, UNKNOWN), targets
