"""MixUp of texts: the network blends word vectors in the very proportion in which the classes are blended."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from darkroom import registry
from darkroom.augment.online import OnlinePipeline
from darkroom.config.load import ConfigError, load
from darkroom.nets.embedding import Mixed, embedded
from darkroom.nets.estimator import Estimator

COUNT, LENGTH, WORDS = 8, 6, 20
BATCHED = sorted(
    name
    for name in registry.taking("network", "text")
    if name != "hugging_face" and not issubclass(registry.load("network", name), Estimator)
)
"""Networks of texts that are trained in batches, without those that need files."""


def texts() -> Tensor:
    """Texts of one to six words."""
    tokens = torch.randint(2, WORDS, (COUNT, LENGTH), generator=torch.Generator().manual_seed(0))
    return tokens * (torch.arange(LENGTH) < torch.arange(COUNT)[:, None] % LENGTH + 1)


def mix(**options: float) -> tuple[Mixed, Tensor]:
    """Mix texts that each have a class of their own, so that the targets name every partner and proportion."""
    step = registry.options("batch transform", "mixup")(**options)
    made, targets = OnlinePipeline([step], {"mixup": torch.ones(COUNT)})(
        texts(), torch.arange(COUNT), torch.Generator().manual_seed(1)
    )
    assert isinstance(made, Mixed)
    return made, targets


def test_word_vectors_are_blended_in_the_proportion_of_the_targets() -> None:
    mixed, targets = mix(alpha=1.0)
    assert torch.allclose(targets.sum(1), torch.ones(COUNT))
    assert (targets.max(1).values < 0.99).sum() > COUNT / 2
    table = torch.nn.Embedding(WORDS, 3, padding_idx=0)
    expected = torch.einsum("nk,kld->nld", targets, table(texts()))
    torch.testing.assert_close(embedded(table, mixed), expected)


@pytest.mark.parametrize("name", BATCHED)
def test_networks_see_an_unmixed_text_as_it_is_and_a_mixed_one_between_two(name: str) -> None:
    network = registry.build(registry.options("network", name)(), (LENGTH, WORDS), 3).eval()
    plain = network(texts())
    unmixed, targets = mix(p=0.0)
    assert torch.equal(targets, torch.eye(COUNT))
    torch.testing.assert_close(network(unmixed), plain)
    mixed, targets = mix(alpha=1.0)
    changed = (network(mixed) - plain).abs().amax(1) > 1e-4
    assert torch.equal(changed, targets.diagonal() < 0.999)


def test_a_transform_of_tokens_after_mixing_is_refused() -> None:
    raw = {"name": "x", "data": {"source": {"name": "text_folder", "path": "."}}}
    for online, fine in ((["token_dropout", "mixup"], True), (["mixup", "token_dropout"], False)):
        given = {**raw, "augment": {"p": {"online": online}}}
        if fine:
            load(given, path="x.yaml", need_data=False)
            continue
        with pytest.raises(ConfigError, match=r"augment\.p\.online: mixup comes last for texts"):
            load(given, path="x.yaml", need_data=False)
