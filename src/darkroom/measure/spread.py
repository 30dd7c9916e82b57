"""How far features spread: what shows whether self-supervised training has collapsed."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def relative_std(features: Tensor) -> float:
    """Return the mean standard deviation of unit-length features (N, D) times √D.

    It is 1 if they point in all directions alike, and 0 if in one (Chen & He 2021, section 4.1).
    """
    unit = F.normalize(features.double())
    return float(unit.std(0, correction=0).mean() * unit.shape[1] ** 0.5)


def effective_rank(features: Tensor) -> float:
    """Return the effective rank of features (N, D) about their mean, from 1 to D.

    This is the exponential of the entropy of the singular values (Roy & Vetterli 2007; RankMe, Garrido et al. 2023, which
    does not subtract the mean). Features that do not vary have rank 1.
    """
    centered = features.double() - features.double().mean(0)
    values = torch.linalg.eigvalsh(centered.T @ centered).clamp_min(0).sqrt()
    if float(values.sum()) < 1e-9:
        return 1.0
    shares = values / values.sum()
    return float(torch.special.entr(shares).sum().exp())
