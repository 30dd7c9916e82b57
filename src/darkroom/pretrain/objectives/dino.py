"""DINO (Caron et al. 2021, arXiv 2104.14294): a student assigns any view as its teacher assigns a view of the whole image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from darkroom.fit.average import averaged
from darkroom.fit.together import summed
from darkroom.pretrain.objective import Objective, exact
from darkroom.pretrain.options import Decay, Hidden
from darkroom.registry import register
from darkroom.settings import Count, Positive, Probability


@register("objective", "dino")
class DINO(Objective):
    """Match the teacher's assignment of views to prototypes, from views of whole images and of small parts.

    Centering and sharpening of the teacher's outputs prevent collapse. As in the paper, only the student sees small parts;
    the last layer has unit weights. Unlike in the paper, the decay and the teacher's temperature are constant, and the
    last layer is trained in the first epoch too.
    """

    VIEWS = (
        {"name": "crop", "area": 0.4, "ratio": 1.33, "interpolation": "linear"},
        {"name": "hflip"},
        {"name": "brightness", "by": 0.4, "p": 0.8},
        {"name": "contrast", "by": 0.4, "p": 0.8},
        {"name": "saturation", "by": 0.2, "p": 0.8},
        {"name": "hue", "by": 0.1, "p": 0.8},
        {"name": "grayscale", "p": 0.2},
    )
    TRAINING = {"optimizer": {"lr": 0.001, "weight_decay": 0.04}}
    center: Tensor  # (K,)

    def __init__(
        self,
        network: Any,
        shape: tuple[int, int, int],
        *,
        prototypes: Annotated[Count, Field(ge=2, description="prototypes that views are assigned to")] = 1024,
        local: Annotated[int, Field(ge=0, le=16, description="views of small parts of the image")] = 4,
        teacher_temperature: Annotated[Positive, Field(description="temperature of the teacher's softmax")] = 0.04,
        student_temperature: Annotated[Positive, Field(description="temperature of the student's softmax")] = 0.1,
        center_decay: Annotated[
            Probability, Field(description="EMA decay of the center of the teacher's outputs")
        ] = 0.9,
        decay: Decay = 0.99,
        hidden: Hidden = 512,
        bottleneck: Annotated[Count, Field(description="dimensions of the embeddings before the prototypes")] = 128,
    ) -> None:
        super().__init__(network, shape)
        self.local = local
        self.temperatures, self.center_decay = (teacher_temperature, student_temperature), center_decay
        self.head = Head(self.width, hidden, bottleneck, prototypes)
        self.teacher = averaged(nn.Sequential(self.network, self.head), decay, warmup=False)
        self.register_buffer("center", torch.zeros(prototypes))

    def losses(self, views: list[Tensor], draws: torch.Generator) -> dict[str, Tensor]:
        whole, parts = torch.cat(views[:2]), views[2:]
        found = [*self.head(self.network(whole)).float().chunk(2)]
        if parts:
            found += self.head(self.network(torch.cat(parts))).float().chunk(len(parts))
        with torch.no_grad():
            taught = self.teacher(whole).float().chunk(2)
        teacher, student = self.temperatures
        with exact(whole):
            loss = assignment(taught, found, self.center, teacher=teacher, student=student)
            self._recenter(torch.cat(taught))
        return {"loss": loss}

    @torch.no_grad()
    def _recenter(self, outputs: Tensor) -> None:
        total, items = summed(outputs.sum(0)), summed(outputs.new_tensor([len(outputs)]))
        self.center.lerp_(total / items, 1 - self.center_decay)

    def embed(self, features: Tensor) -> Tensor:
        embeddings: Tensor = self.head.mlp(features)
        return embeddings

    def updated(self) -> None:
        self.teacher.update_parameters(nn.Sequential(self.network, self.head))


class Head(nn.Module):
    """Map features (B, D) to cosines with prototypes (B, K), by way of a bottleneck."""

    def __init__(self, before: int, hidden: int, bottleneck: int, prototypes: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(before, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, bottleneck)
        )
        self.prototypes = nn.Parameter(torch.empty(prototypes, bottleneck))
        for module in self.mlp:
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
        nn.init.normal_(self.prototypes)

    def forward(self, features: Tensor) -> Tensor:
        return F.linear(F.normalize(self.mlp(features).float()), F.normalize(self.prototypes))


def assignment(
    taught: Sequence[Tensor], found: Sequence[Tensor], center: Tensor, *, teacher: float, student: float
) -> Tensor:
    """Return the mean cross-entropy of the student's views with those of the teacher, (B, K) each, except with itself.

    `teacher` and `student` are their temperatures; view i of both is the same.
    """
    targets = [((view - center) / teacher).softmax(1) for view in taught]
    logs = [(view / student).log_softmax(1) for view in found]
    terms = [-(target * log).sum(1).mean() for i, target in enumerate(targets) for j, log in enumerate(logs) if i != j]
    return torch.stack(terms).mean()
