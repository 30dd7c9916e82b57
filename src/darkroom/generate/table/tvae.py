"""Variational autoencoder of tables (Xu et al. 2019, arXiv 1907.00503), conditional on the class.

Numbers are normalized by the modes of their column, see `nets.table.modes`. Deviations: the class is a condition instead of one
more column, so that rows of a class can be asked for; categories are drawn from their distribution instead of the likeliest one,
which would leave out rare ones; and the loss is the bound itself, of which the authors' code doubles the reconstruction term
(`beta: 0.5`).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from darkroom.generate.table.row_vae import RowVAE
from darkroom.nets.options import Activation
from darkroom.registry import register
from darkroom.settings import Count, Positive


@register("generator", "tvae")
class TVAE(RowVAE):
    """Variational autoencoder: encodes rows to normal distributions over codes, and decodes codes to rows."""

    TAKES = ("table",)
    TRAINING = {"epochs": 200, "batch_size": 128, "optimizer": {"lr": 0.002}}

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        *,
        conditional: Annotated[
            bool, Field(description="condition encoder and decoder on the class, if rows have labels")
        ] = True,
        hidden: Annotated[
            list[Count],
            Field(description="units of each hidden layer of the encoder; the decoder has them in reverse order"),
        ] = [128, 128],  # noqa: B006
        latent: Annotated[Count, Field(description="latent dimensions")] = 32,
        activation: Activation = "relu",
        modes: Annotated[
            Count, Field(description="maximum number of modes of a column of numbers; 1 is a plain standardization")
        ] = 10,
        beta: Annotated[Positive, Field(description="KL weight in the loss: 1 is the bound itself")] = 1.0,
    ) -> None:
        super().__init__(
            shape,
            classes if conditional else 0,
            hidden=hidden,
            latent=latent,
            activation=activation,
            modes=modes,
            limit=1.0,
            beta=beta,
        )
