"""Parameter groups of the optimizers."""

from __future__ import annotations

from torch import nn

from darkroom.fit.optimizers import groups


class Positioned(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.position = nn.Parameter(nn.init.zeros_(nn.Linear(3, 2).weight))
        self.early, self.late = nn.Linear(3, 3), nn.Linear(3, 2)
        self.early.bias.requires_grad_(False)

    def no_weight_decay(self) -> set[str]:
        return {"position"}


def test_every_trainable_parameter_has_its_rate_and_decay() -> None:
    network = Positioned()
    found = groups(network, 0.1, 0.01, {"early.weight": 0.5})
    settings = {id(p): (group["lr"], group["weight_decay"]) for group in found for p in group["params"]}
    assert settings == {
        id(network.late.weight): (0.1, 0.01),
        id(network.late.bias): (0.1, 0.0),
        id(network.position): (0.1, 0.0),
        id(network.early.weight): (0.05, 0.01),
    }
    assert found[0]["lr"] == 0.1  # the history records the first group's
