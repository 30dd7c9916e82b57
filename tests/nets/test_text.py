"""Networks for texts: n-grams against scikit-learn's, and texts that do not depend on their padding."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from tests.nets import text_encoder
from torch import nn

from darkroom import files, registry
from darkroom.fit.model import rebuild, save_model
from darkroom.nets.ngrams import ABSENT, Ngrams
from darkroom.nets.text_transformer import TextTransformer
from darkroom.nets.textcnn import TextCNN
from darkroom.nets.vit import Attention

VOCABULARY = 30


def texts(seed: int, count: int, length: int = 12) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return token numbers (N, L), zeros after the end of a text, of three classes that prefer other words."""
    draws = np.random.default_rng(seed)
    labels = draws.integers(0, 3, count)
    found = draws.integers(1, VOCABULARY, (count, length)).astype(np.int32)
    hints = draws.random((count, length)) < 0.3
    found[hints] = (2 + labels[:, None] * 4 + draws.integers(0, 4, (count, length)))[hints]
    found[np.arange(length) >= draws.integers(2, length + 1, count)[:, None]] = 0
    return found, labels


def words(tokens: NDArray[np.int32]) -> list[str]:
    return [" ".join(f"w{token}" for token in row if token) for row in tokens]


def known(text: str) -> list[str]:
    """Return the unigrams and bigrams without the unknown token 1."""
    own = text.split()
    grams = own + [f"{a} {b}" for a, b in itertools.pairwise(own)]
    return [gram for gram in grams if "w1" not in gram.split()]


@pytest.mark.parametrize("longest", [1, 2])
def test_ngrams_predict_as_scikit_learn_does(longest: int) -> None:
    train, labels = texts(0, 300)
    test, _ = texts(1, 100)
    network = Ngrams((12, VOCABULARY), 3, longest=longest, c=2.0, buckets=2**22)
    network.fit(train, labels, np.ones(300), seed=0)
    peer = TfidfVectorizer(analyzer=lambda text: [gram for gram in known(text) if gram.count(" ") < longest])
    model = LogisticRegression(C=2.0, max_iter=1000).fit(peer.fit_transform(words(train)), labels)
    ours = network(torch.from_numpy(test).long()).softmax(1).detach().numpy()
    theirs = model.predict_proba(peer.transform(words(test)))
    assert np.abs(ours - theirs).max() < 2e-3
    assert (ours.argmax(1) == theirs.argmax(1)).mean() >= 0.99


def test_ngrams_of_two_classes_leave_out_the_third() -> None:
    tokens, labels = texts(2, 200)
    some = labels > 0
    network = Ngrams((12, VOCABULARY), 3)
    network.fit(tokens[some], labels[some], np.ones(some.sum()), seed=0)
    logits = network(torch.from_numpy(tokens[some]).long())
    assert (logits[:, 0] == ABSENT).all()
    assert float((logits.argmax(1).numpy() == labels[some]).mean()) > 0.9


def test_a_weight_of_two_counts_as_two_copies() -> None:
    tokens, labels = texts(3, 60)
    weighed, copied = (Ngrams((12, VOCABULARY), 3, idf=False) for _ in range(2))
    weighed.fit(tokens, labels, np.where(np.arange(60) < 30, 2.0, 1.0), seed=0)
    copied.fit(np.concatenate([tokens, tokens[:30]]), np.concatenate([labels, labels[:30]]), np.ones(90), seed=0)
    assert torch.allclose(weighed.weight, copied.weight, atol=2e-2)


@pytest.mark.parametrize("kind", [TextCNN, TextTransformer, Ngrams])
def test_logits_do_not_depend_on_the_padding_or_the_batch(kind: type[nn.Module]) -> None:
    torch.manual_seed(0)
    network = kind((20, VOCABULARY), 3).eval()
    if isinstance(network, Ngrams):
        network.fit(*texts(0, 50), np.ones(50), seed=0)
    tokens = torch.from_numpy(texts(4, 8, length=20)[0]).long()
    tokens[:, 10:], tokens[3] = 0, 0  # one text is empty
    whole = network(tokens)
    assert torch.isfinite(whole).all()
    assert torch.allclose(network(tokens[2:3]), whole[2:3], atol=1e-5)
    if not isinstance(network, TextTransformer):
        assert torch.allclose(network(tokens[:, :10]), whole, atol=1e-5)


def test_a_transformer_does_not_look_at_padding() -> None:
    torch.manual_seed(0)
    network = TextTransformer((20, VOCABULARY), 3).eval()
    tokens = torch.from_numpy(texts(4, 4, length=20)[0]).long()
    tokens[:, 10:] = 0
    before = network(tokens)
    with torch.no_grad():
        network.embed.weight[0] += 5.0
        network.position[:, 10:] += 5.0
    assert torch.allclose(network(tokens), before, atol=1e-5)


def test_masked_attention_is_the_same_fused_or_not() -> None:
    torch.manual_seed(0)
    attention, tokens = Attention(8, 2, 0.0).eval(), torch.randn(3, 5, 8)
    mask = (torch.arange(5) < torch.tensor([[5], [3], [1]]))[:, None, None]
    fused = attention(tokens, mask)
    attention.fused_attn = False
    assert torch.allclose(attention(tokens, mask), fused, atol=1e-6)


def test_the_last_layer_of_kims_network_is_clipped_in_training_only() -> None:
    network = TextCNN((10, VOCABULARY), 3)
    with torch.no_grad():
        network.head.weight.fill_(1.0)
    tokens = torch.from_numpy(texts(0, 4, length=10)[0]).long()
    network.eval()(tokens)
    assert float(network.head.weight.norm(dim=1).detach().max()) > 3
    network.train()(tokens)
    assert torch.allclose(network.head.weight.norm(dim=1), torch.full((3,), 3.0), atol=1e-4)


@pytest.mark.parametrize("name", registry.taking("network", "text"))
def test_every_network_of_texts_says_the_same_after_saving_and_has_a_gradient(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    given = {"encoder": str(text_encoder.made(tmp_path / "bert"))} if name == "hugging_face" else {}
    options = registry.options("network", name).model_validate(given)
    network = registry.build(options, (12, VOCABULARY), 5)
    if isinstance(network, Ngrams):
        network.fit(*texts(0, 50), np.ones(50), seed=0)
    tokens = torch.from_numpy(texts(5, 16)[0]).long()
    network.train()(tokens).logsumexp(1).sum().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []
    with files.folder(tmp_path / "model") as fresh:
        save_model(
            fresh, network, plugin=options, shape=(12, VOCABULARY), classes=tuple("abcde"), fitted=None, samples="text"
        )
    torch.manual_seed(1)
    loaded = rebuild("network", tmp_path / "model", (12, VOCABULARY), 5)
    assert torch.equal(network.eval()(tokens), loaded(tokens))
    assert network.features(tokens).shape[0] == 16
